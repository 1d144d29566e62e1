"""The studio over a small folder, looked at in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, FrameLocator, Locator, Page, expect
from tests.browser.browsing import PATIENCE
from tests.studio.web.conftest import captured, client, folder, gallery, inbox, served, studio

__all__ = ["captured", "client", "folder", "gallery", "inbox", "served", "studio"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One for all, since a context costs more than most tests do in it.

    By its port each test has its own origin.
    """
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, served: str) -> AsyncIterator[Page]:
    """Open a page that fails the test where a script breaks, a policy is violated or another host
    is asked.
    """
    page = await context.new_page()
    faults: list[str] = []
    page.on(
        "console", lambda message: faults.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(served) else faults.append(request.url),
    )
    yield page
    session = await context.new_cdp_session(page)  # another test may get the same port
    await session.send(
        "Storage.clearDataForOrigin",
        {"origin": served.removesuffix("/studio"), "storageTypes": "all"},
    )
    for opened in context.pages:
        await opened.close()
    assert not faults


def mail(page: Page) -> FrameLocator:
    return page.frame_locator(".paper iframe:not(.arriving)")


def canvas(page: Page) -> Locator:
    return page.get_by_role("region", name="Preview")


async def open_sample(page: Page, served: str, query: str = "?sample=ada") -> None:
    await page.goto(f"{served}/templates/greeting{query}")
    await watched(page)


async def watched(page: Page) -> None:
    """Wait until a save would be noticed."""
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")


async def settled(page: Page) -> None:
    """Wait until the page of the address is there in full.

    Before, a key that decides something does nothing.
    """
    await expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")


@asynccontextmanager
async def lost(page: Page, part: str) -> AsyncIterator[None]:
    """Lose the answer to the page's next request whose address has this part, and wait until the
    page knows.
    """
    losing = """part => { window.lost = new Promise(known => {
     const ask = fetch;
     window.fetch = async (...asked) => {
      const answer = await ask(...asked);
      if (!`${asked[0]}`.includes(part)) return answer;
      setTimeout(known);
      throw (window.fetch = ask);
    } }) }"""
    await page.evaluate(losing, part)
    yield
    await page.evaluate("() => window.lost")
