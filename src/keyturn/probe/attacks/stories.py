"""Stories that several attacks share."""

from msgspec import Struct

from keyturn.probe.attack import NotTried, Undecided
from keyturn.probe.run import LinkDead, Run, Story
from keyturn.probe.web import Browser, Page

_PLACES = ("/", "/account", "/profile", "/me", "/api/me", "/api/auth/me")
"""Where a page that only a signed-in user sees may be, beside the one to which signing in leads."""


async def bobs_story(run: Run) -> Story:
    """Reset the second account, so that its password is known."""

    async def tell() -> Story:
        story = await run.link_for(run.bob)
        await run.reset(story)
        return story

    return await run.once("bob", tell)


class Session(Struct):
    """A session from before a reset. `path`: what a signed-in user alone sees; `inside`, `outside`: how it looks."""

    browser: Browser
    path: str
    inside: tuple[object, ...]
    outside: tuple[object, ...]


class Second(Struct):
    """A reset of the first account whose link a mail scanner opened before.

    `scanned`: the scanner's pages. `used_up`: the answer to the new password, if the link no longer worked then.
    `session`: from before the reset, or why there is none. `old`: the password before.
    """

    story: Story
    scanned: list[Page]
    used_up: Page | None
    session: Session | Undecided
    old: str


async def second_story(run: Run) -> Second:
    return await run.once("second", lambda: _second_story(run))


async def _second_story(run: Run) -> Second:
    try:
        session: Session | Undecided = await _session(run)
    except Undecided as error:
        session = error
    old, story, scanner = run.ann.password, await run.link_for(run.ann), Browser(run.web)
    url = run.web.here(story.link.address) if story.link.address else ""
    scanned = [await scanner.get(url, method) for method in ("HEAD", "GET", "GET")] if url else []
    used_up = None
    try:
        await run.reset(story)
    except LinkDead:
        used_up = story.done
        story = await run.link_for(run.ann)
        await run.reset(story)
    return Second(story, scanned, used_up, session, old)


async def _session(run: Run) -> Session:
    """Sign in, and find a page that looks otherwise to others. Raises NotTried."""
    if run.has_second_step:
        raise NotTried("The first account has a second factor, so a password alone opens no session.")
    browser, landing = await run.sign_in(run.ann, run.ann.password)
    named = run.calls.get("private")
    for path in [named.path] if named else (landing.url, *_PLACES):
        inside, outside = await browser.get(path), await Browser(run.web).get(path)
        if _view(inside, run) != _view(outside, run) and inside.status < 400:
            return Session(browser, path, _view(inside, run), _view(outside, run))
    raise NotTried("The probe found no page that only a signed-in user sees: name it by --private.")


def _view(page: Page, run: Run) -> tuple[object, ...]:
    return page.status, page.url, run.ann.address in page.body


async def still_signed_in(run: Run, session: Session) -> tuple[bool, Page]:
    """Tell whether a session still opens its page. Raises Undecided if the page looks otherwise."""
    page = await session.browser.get(session.path)
    if _view(page, run) not in {session.inside, session.outside}:
        raise Undecided(f"{session.path} looks neither as before nor as to others ({page.status}).")
    return _view(page, run) == session.inside, page


async def link_page(run: Run) -> Page:
    """Return the page that a link shows. Raises NotTried if the application serves none."""
    second = await second_story(run)
    page = run.first.page or next(iter(second.scanned[1:]), None)
    if page is None or page.status != 200 or not page.is_html:
        raise NotTried("The application serves no page at the link's address: it may be on another origin.")
    return page
