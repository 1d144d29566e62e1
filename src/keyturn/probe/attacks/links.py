"""Links that should be dead, and the account that a link belongs to."""

import asyncio

from keyturn.probe.attack import NotTried
from keyturn.probe.attacks.stories import bobs_story, second_link_again, use_again
from keyturn.probe.forms import form_for
from keyturn.probe.mailbox import Link
from keyturn.probe.run import Finding, Run, Story, failed, judged, look, new_password, passed, unsure
from keyturn.probe.web import Page

_AT_ONCE = 8
_A_SECOND = 1.1
"""Seconds after which a token that is made of the time differs."""

_LONGEST_ID = 36
"""Characters of an id, as of a UUID, or of an address."""


async def link_twice(run: Run) -> Finding:
    """Use the link of a finished reset for another password."""
    page, is_changed = await second_link_again(run)
    wrong = "The link of a finished reset set another password."
    return judged(is_changed, wrong, "The link of a finished reset sets no password.", page)


async def older_link_works(run: Run) -> Finding:
    """Ask for two links, use the newer one, then the older one."""
    older, newer = await run.link_for(run.ann), await run.link_for(run.ann)
    if older.link.token == newer.link.token:
        await asyncio.sleep(_A_SECOND)
        newer = await run.link_for(run.ann)
    if older.link.token == newer.link.token:
        raise NotTried("All mails have the same link, as long as it is not used.")
    await run.reset(newer)
    page, is_changed = await use_again(run, older)
    wrong = "After a newer link was used, the older one set another password."
    return judged(is_changed, wrong, "After a newer link was used, the older one sets no password.", page)


async def link_twice_at_once(run: Run) -> Finding:
    """Use one link several times at the same moment, in different browsers, and count the answers that say yes."""
    dead, is_changed = await second_link_again(run)
    if is_changed:
        raise NotTried("A link works twice anyway.")
    yes, no = look(run.first.done) if run.first.done else None, look(dead)
    if yes == no:
        return unsure("The answers to a live and to a dead link look the same, so they cannot be counted.", dead)
    if run.web.is_paced:
        raise NotTried("Another host gets two requests a second, so nothing is used at the same moment.")
    story, tried = await run.link_for(run.ann), [new_password() for _ in range(_AT_ONCE)]
    readers = [run.for_another_reader(story) for _ in tried]
    # Each reader's connection is opened before, so that the uses arrive together.
    place = "/" if "reset" in run.calls else run.web.here(story.link.address)
    pages = await asyncio.gather(*(reader.browser.send("GET", place) for reader in readers))
    for reader, page in zip(readers, pages, strict=True):
        reader.page = page
    answers = await asyncio.gather(*map(run.use, readers, tried), return_exceptions=True)
    used = [(answer, password) for answer, password in zip(answers, tried, strict=True) if isinstance(answer, Page)]
    for _, password in sorted(used, key=lambda pair: look(pair[0]) != yes):
        if await run.works(run.ann, password):
            run.ann.password, run.ann.tried = password, []
            break
    for error in (answer for answer in answers if isinstance(answer, BaseException)):
        raise error
    won = [page for page, _ in used if look(page) == yes]
    said = f"{len(won)} of {_AT_ONCE} uses at the same moment were told that they set the password."
    return judged(len(won) > 1, said, said, *won[:2])


async def link_after_change(run: Run) -> Finding:
    """Ask for a link, change the password as a signed-in user does, then use the link."""
    if "change" not in run.calls:
        raise NotTried("Name the call that changes the password of a signed-in user by --change.")
    story, changed = await run.link_for(run.ann), new_password()
    browser, _ = await run.sign_in(run.ann, run.ann.password)
    values = {"email": run.ann.address, "old": run.ann.password, "password": changed}
    run.passwords.append(changed)
    run.ann.tried.append(changed)
    page = await run.calls["change"].send(browser, values)
    if not await run.works(run.ann, changed):
        raise NotTried(f"The call of --change did not change the password ({page.status}).")
    run.ann.password, run.ann.tried = changed, []
    page, is_changed = await use_again(run, story)
    wrong = "A link from before the change set another password."
    return judged(is_changed, wrong, "A link from before the change sets no password.", page)


async def other_account(run: Run) -> Finding:
    """Use a link of the first account with the address, and with what the link and the form hold, of the second."""
    theirs, mine = await bobs_story(run), await run.link_for(run.ann)
    mixed = theirs.link.address.replace(theirs.link.token, mine.link.token)
    more = {"email": run.bob.address, **_facts_of(theirs)}
    for address in dict.fromkeys((mixed, mine.link.address)):
        tried = new_password()
        story = run.for_another_reader(mine, Link(address, mine.link.token))
        run.bob.tried.append(tried)
        page = await run.use(story, tried, more, email=run.bob.address)
        if await run.was_changed(run.bob, tried):
            return failed(f"The link of {run.ann.address} set the password of {run.bob.address}.", page)
        await run.was_changed(run.ann, tried)
    return passed(f"The link of {run.ann.address} never set the password of {run.bob.address}.")


def _facts_of(story: Story) -> dict[str, str]:
    """Return the hidden fields of a link's form that name an account, and neither a token nor a session."""
    form = form_for(story.page, with_password=True) if story.page else None
    hidden = {field.name: field.value for field in form.fields if field.kind == "hidden"} if form else {}
    secrets = {story.link.token, *story.browser.cookies.values()}
    return {name: value for name, value in hidden.items() if value not in secrets and len(value) <= _LONGEST_ID}
