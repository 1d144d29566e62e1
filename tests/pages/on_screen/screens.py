"""Pages of a school in a browser, and what must not happen in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page
from tests.browsing import PATIENCE


class Screens:
    """Opens pages of the school, each in a browser session of its own, and notes what should not happen there."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self.address = address
        self.mishaps: list[str] = []

    @asynccontextmanager
    async def open(self, path: str = "/login", **options: Any) -> AsyncIterator[Page]:
        context = await self._browser.new_context(base_url=self.address, **options)
        context.set_default_timeout(PATIENCE)
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
