"""What a reset ends, what it must not skip, and links that should be dead."""

import asyncio
import re

from keyturn.probe.attack import AttackFinding, NotTried, failed, passed, unsure
from keyturn.probe.attacks.stories import (
    bobs_story,
    open_page,
    second_link_again,
    second_story,
    session_before,
    use_again,
    view,
)
from keyturn.probe.calls import form_for
from keyturn.probe.page import Page
from keyturn.probe.run import Appearance, Run, Story, appearance, new_password

_AT_ONCE = 8
_A_SECOND = 1.1
"""Seconds after which a token that is made of the time differs."""

_OF_A_SESSION = re.compile(r"csrf|xsrf|token|nonce", re.IGNORECASE)
_LONGEST_ID = 36
"""Characters of an id, as of a UUID, or of an address."""


async def old_password_works(run: Run) -> AttackFinding:
    """Sign in with the password before the last reset."""
    await second_story(run)
    if await run.works(run.ann, run.first.password):
        return failed("The password before the reset still signs in.")
    return passed("The password before the reset is refused.")


async def sessions_survive(run: Run) -> AttackFinding:
    """Open a private page, after a reset, with a session from before."""
    await second_story(run)
    browser, path, before = await session_before(run)
    page, is_private = await open_page(run, browser, path)
    if not is_private:
        return passed(f"A session from before the reset no longer opens {path}.")
    if view(page, run) == view(before, run):
        return failed(f"A session from before the reset still opens {path}.", page)
    return unsure(f"{path} looks neither as before nor as to others.", page)


async def second_step_skipped(run: Run) -> AttackFinding:
    """Open a private page with what a reset alone gives: the browser that did it, and the new
    password.
    """
    if not run.target.second_step:
        raise NotTried("Give --second-step if the first account has a second factor.")
    path = run.call("private", "Name a page that needs the second step by --private.").path
    story = await second_story(run)
    signed_in, _ = await run.sign_in(run.ann)
    browsers = {
        "The browser of the reset": story.browser,
        "The new password alone": signed_in,
    }
    for what, browser in browsers.items():
        page, is_private = await open_page(run, browser, path)
        is_redirected = bool(page.before)  # perhaps to the second step
        if is_private and page.status == 200 and not is_redirected:
            return failed(f"{what} opens {path} without the second factor.", page)
    return passed(f"Neither the browser of the reset nor the new password alone opens {path}.")


def _dead(link: str, page: Page, is_changed: bool) -> AttackFinding:
    if is_changed:
        return failed(f"{link} set another password.", page)
    return passed(f"{link} sets no password.", page)


async def link_twice(run: Run) -> AttackFinding:
    """Use the link of a finished reset for another password."""
    page, is_changed = await second_link_again(run)
    return _dead("The link of a finished reset", page, is_changed)


async def older_link_works(run: Run) -> AttackFinding:
    """Ask for two links, use the newer one, then the older one."""
    older = await run.link_for(run.ann)
    newer = await run.link_for(run.ann)
    if older.mail.token == newer.mail.token:
        await asyncio.sleep(_A_SECOND)
        newer = await run.link_for(run.ann)
    if older.mail.token == newer.mail.token:
        raise NotTried("All mails have the same link, as long as it is not used.")
    await run.reset(newer)
    page, is_changed = await use_again(run, older)
    return _dead("After a newer link was used, the older one", page, is_changed)


async def link_after_change(run: Run) -> AttackFinding:
    """Ask for a link, change the password as a signed-in user does, then use the link."""
    change = run.call(
        "change", "Name the call that changes the password of a signed-in user by --change."
    )
    story = await run.link_for(run.ann)
    await run.change(run.ann, change)
    page, is_changed = await use_again(run, story)
    return _dead("A link from before the change", page, is_changed)


async def link_twice_at_once(run: Run) -> AttackFinding:
    """Use one link several times at the same moment, in different browsers, and count the answers
    that say yes.
    """
    dead, is_changed = await second_link_again(run)
    if is_changed:
        raise NotTried("A link works twice anyway.")
    yes = appearance(run.first.done) if run.first.done else None
    if yes == appearance(dead):
        return unsure(
            "The answers to a live and to a dead link look the same, so they cannot be counted.",
            dead,
        )
    if run.web.is_another_host:
        raise NotTried(
            "Another host gets two requests a second, so nothing is used at the same moment."
        )
    story = await run.link_for(run.ann)
    won = await _use_at_once(run, story, yes)
    message = (
        f"{len(won)} of {_AT_ONCE} uses at the same moment were told that they set the password."
    )
    if len(won) > 1:
        return failed(message, *won[:2])
    return passed(message, *won)


async def _use_at_once(run: Run, story: Story, yes: Appearance | None) -> list[Page]:
    """Use a link for several passwords at the same moment; return the answers that look like `yes`.

    Raises what a use raised, after the password that signs in is known.
    """
    passwords = [new_password() for _ in range(_AT_ONCE)]
    readers = [run.for_another_reader(story) for _ in passwords]
    # Each reader's connection is opened before, so that the uses arrive together.
    path = "/" if "reset" in run.calls else story.mail.path
    await asyncio.gather(*(_open(reader, path) for reader in readers))
    answers = await asyncio.gather(*map(run.use, readers, passwords), return_exceptions=True)
    won: dict[str, Page] = {}
    for password, answer in zip(passwords, answers, strict=True):
        if isinstance(answer, Page) and appearance(answer) == yes:
            won[password] = answer
    await run.settled(run.ann, *won)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return list(won.values())


async def _open(story: Story, path: str) -> None:
    story.page = await story.browser.send("GET", path)


async def other_account(run: Run) -> AttackFinding:
    """Use a link of the first account with the address, and with what the link and the form hold,
    of the second.
    """
    theirs = await bobs_story(run)
    mine = await run.link_for(run.ann)
    their_link_with_my_token = theirs.mail.link.replace(theirs.mail.token, mine.mail.token)
    more = {"email": run.bob, **_facts_of(theirs)}
    # The two are equal if the link says nothing of its account.
    for link in dict.fromkeys([their_link_with_my_token, mine.mail.link]):
        tried = new_password()
        story = run.for_another_reader(mine, link)
        run.passwords[run.bob].append(tried)
        page = await run.use(story, tried, more, email=run.bob)
        if await run.settled(run.bob) == tried:
            return failed(f"The link of {run.ann} set the password of {run.bob}.", page)
        await run.settled(run.ann)
    return passed(f"The link of {run.ann} never set the password of {run.bob}.")


def _facts_of(story: Story) -> dict[str, str]:
    """Return the fields of a link's form that may name an account: neither tokens nor sessions."""
    form = form_for(story.page) if story.page else None
    if form is None:
        return {}
    others = {story.mail.token, "{email}", "{password}", "{old}", *story.browser.cookies.values()}
    facts = {}
    for name, value in form.body.items():
        is_of_account = value not in others and not _OF_A_SESSION.search(name)
        if is_of_account and len(value) <= _LONGEST_ID:
            facts[name] = value
    return facts
