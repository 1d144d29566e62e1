"""Pages of a school in a browser, and what must not happen in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page
from tests.browser.browsing import PATIENCE
from tests.servers.serving import send_answer

WRONG = """() => {
    const found = [], wide = document.documentElement.scrollWidth
    const root = document.querySelector('main > *')?.shadowRoot ?? document
    if (wide > innerWidth) found.push([`${wide} wide`, document.title])
    for (const e of root.querySelectorAll('button, a, label, h1, h2, p, li')) {
        if (!e.checkVisibility() || e.matches('.unseen')) continue
        if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) found.push(['cut off', e.outerHTML])
        if (e.matches('.secret .quiet, [part=reveal]')) {
            const style = getComputedStyle(e.parentElement.querySelector('input'))
            const room = Math.max(parseFloat(style.paddingLeft), parseFloat(style.paddingRight))
            const width = e.offsetWidth + 2
            if (width > room) found.push([`${width} in ${room}`, e.innerText])
        }
    }
    return found
}"""
"""What is wider than the page or than its own box, and a button that lies on what is typed: in a
page or an element.
"""


class Screens:
    """Opens pages, each in a browser session of its own, and notes what should not happen there."""

    expected = "the server responded with a status of 4"
    """What a browser reports of answers over 399; forms with a mistake and dead links are such
    answers.
    """

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
        if kind in {"error", "warning"} and self.expected not in text:
            self.mishaps.append(f"console: {text}")

    def _note_request(self, url: str) -> None:
        if not url.startswith(self.address):
            self.mishaps.append(f"request to {url}")


class Shown:
    """Serves a page that was got before at /shown, and beside it what its stylesheets and scripts
    are.
    """

    def __init__(self, app: Any, policy: str) -> None:
        self._app, self._policy, self.html = app, policy, ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/shown":
            await self._app(scope, receive, send)
            return
        headers = {
            "content-security-policy": self._policy,
            "content-type": "text/html; charset=utf-8",
        }
        await send_answer(send, 200, self.html.encode(), headers)
