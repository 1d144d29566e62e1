"""A school that a browser can visit. Whatever a test does: no error in the console, no request elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.pages.school import School, opened, settings_for
from tests.serving import serving_here

from keyturn.settings import HashingSettings


@pytest_asyncio.fixture(loop_scope="session")
async def school(tmp_path: Path) -> AsyncIterator[School]:
    # A hash takes some time, so that one can press a button again meanwhile.
    async with opened(settings_for(tmp_path, hashing=HashingSettings(cost=10))) as school:
        await school.add(name="Ada")
        yield school


class Screens:
    """Opens pages of the school, each in a browser session of its own, and notes what should not happen there."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self.address = address
        self.mishaps: list[str] = []

    @asynccontextmanager
    async def open(self, path: str = "/login", **options: Any) -> AsyncIterator[Page]:
        context = await self._browser.new_context(base_url=self.address, **options)
        page = await context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.mishaps.append(f"script: {error}"))
        page.on("request", lambda request: self._note_request(request.url))
        await page.goto(path)
        yield page
        await context.close()

    def _note(self, kind: str, text: str) -> None:
        # A browser reports every answer over 399 there; forms with a mistake and dead links are such answers.
        if kind in {"error", "warning"} and "the server responded with a status of 4" not in text:
            self.mishaps.append(f"console: {text}")

    def _note_request(self, url: str) -> None:
        if not url.startswith(self.address):
            self.mishaps.append(f"request to {url}")


@pytest_asyncio.fixture(loop_scope="session")
async def screens(browser: Browser, school: School) -> AsyncIterator[Screens]:
    async with serving_here(school.app()) as address:
        screens = Screens(browser, address)
        yield screens
    assert screens.mishaps == []


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)
