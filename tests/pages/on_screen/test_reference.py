"""The API's description in a browser."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser
from tests.databases import SqliteFiles
from tests.driver.service import running, settings_for
from tests.pages.on_screen.screens import Screens
from tests.serving import serving_here

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(loop_scope="session")
async def screens(browser: Browser, sqlite: SqliteFiles) -> AsyncIterator[Screens]:
    """Open pages of a whole service, which has the description."""
    url = await asyncio.to_thread(sqlite.migrated)
    async with running(settings_for(url)) as service, serving_here(service.app) as address:
        screens = Screens(browser, address)
        yield screens
    await asyncio.to_thread(sqlite.drop, url)
    assert screens.mishaps == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scheme: str, screens: Screens) -> None:
    async with screens.open("/schema", bypass_csp=True, color_scheme=scheme) as page:
        await page.add_script_tag(path=AXE_FILE_PATH)
        found = await page.evaluate("axe.run({resultTypes: ['violations']})")
        assert [violation["id"] for violation in found["violations"]] == []
