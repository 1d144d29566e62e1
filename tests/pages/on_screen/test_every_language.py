"""Every page in every language: nothing is wider than a phone, and no word covers another."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.driver.service import Service
from tests.every_language import TAGS, each_language
from tests.pages.on_screen.screens import WRONG, Screens, Shown
from tests.pages.on_screen.test_every_state import each_state
from tests.serving import serving_here

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(shown: Shown, browser: Browser) -> AsyncIterator[Page]:
    async with serving_here(shown) as address:
        screens = Screens(browser, address)
        async with screens.open("/login") as page:
            yield page
        assert screens.mishaps == []


@each_language("tag", TAGS)
async def test_every_page_fits_in_every_language(tag: str, served: Service, shown: Shown, page: Page) -> None:
    wrong = []
    for name, html in each_state(tag, served):
        shown.html = html
        await page.goto("/shown", wait_until="domcontentloaded")
        await page.evaluate("() => new Promise(requestAnimationFrame)")
        for width in (320, 1280):
            await page.set_viewport_size({"width": width, "height": 700})
            wrong += [(name, width, found) for found in await page.evaluate(WRONG)]
    assert wrong == []
