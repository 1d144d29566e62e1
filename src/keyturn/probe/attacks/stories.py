"""Stories that several attacks share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

from keyturn.probe.attack import AttackEnded, NotTried
from keyturn.probe.browser import Browser
from keyturn.probe.page import Page
from keyturn.probe.run import Run, Story, new_password

_PLACES = ("/", "/account", "/profile", "/me", "/api/me", "/api/auth/me")
"""Where a page that only a signed-in user sees may be, beside the one to which signing in leads."""

T = TypeVar("T")


def once(story: Callable[[Run], Coroutine[Any, Any, T]]) -> Callable[[Run], Awaitable[T]]:
    """Decorate a shared story: it runs once in a run, and later calls get the same result or
    exception.
    """

    @lru_cache(1)
    def shared(run: Run) -> Awaitable[T]:
        return asyncio.ensure_future(story(run))

    return shared


@once
async def bobs_story(run: Run) -> Story:
    """Reset the second account, so that its password is known."""
    story = await run.link_for(run.bob)
    await run.reset(story)
    return story


async def open_page(run: Run, browser: Browser, path: str) -> tuple[Page, bool]:
    """Return a page, and whether it looks otherwise to others."""
    page = await browser.send("GET", path)
    page_for_others = await Browser(run.web).send("GET", path)
    return page, view(page, run) != view(page_for_others, run)


def view(page: Page, run: Run) -> tuple[object, ...]:
    """Return what tells a page for the first account from the same page for others."""
    return page.status, page.url, run.ann in page.body


@once
async def session_before(run: Run) -> tuple[Browser, str, Page]:
    """Sign in before the second story, and find a page that looks otherwise to others.

    Raises AttackEnded.
    """
    browser, landing = await run.sign_in(run.ann)
    named = run.calls.get("private")
    paths = [named.path] if named else [landing.url, *_PLACES]
    for path in paths:
        page, is_private = await open_page(run, browser, path)
        if is_private and page.status < 400:
            return browser, path, page
    if named:
        raise NotTried(f"{named.path} looks the same to others: name another page by --private.")
    raise NotTried("The probe found no page that only a signed-in user sees: name it by --private.")


@once
async def second_story(run: Run) -> Story:
    """Reset the first account while it is signed in, with a link that a mail
    scanner opened before.
    """
    with suppress(AttackEnded):  # attacks that need the session are told why there is none
        await session_before(run)
    story = await run.link_for(run.ann)
    scanned: list[Page] = []
    if story.mail.link:  # a code has no page
        scanner = Browser(run.web)
        for method in ("HEAD", "GET", "GET"):
            scanned.append(await scanner.send(method, story.mail.path))
    used_up = None
    if not await run.has_reset(story):
        used_up = story.done
        story = await run.link_for(run.ann)
        await run.reset(story)
    story.scanned = scanned
    story.used_up = used_up
    return story


async def link_page(run: Run) -> Page:
    """Return the page that a link shows. Raises AttackEnded if the application serves none."""
    page = run.first.page
    if page is None:  # a call of the API used the link
        scanned = (await second_story(run)).scanned
        page = scanned[1] if scanned else None  # the first one answers HEAD
    if page is None or page.status != 200 or not page.is_html:
        raise NotTried(
            "The application serves no page at the link's address: it may be on another origin."
        )
    return page


async def use_again(run: Run, story: Story) -> tuple[Page, bool]:
    """Use a link in a new browser; return the answer, and whether it set another password."""
    tried = new_password()
    page = await run.use(run.for_another_reader(story), tried)
    return page, await run.settled(story.account) == tried


@once
async def second_link_again(run: Run) -> tuple[Page, bool]:
    """Use the link of a finished reset again."""
    return await use_again(run, await second_story(run))
