"""A Chromium that measures mails: one page for all of them, in which nothing runs and which reaches nobody."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from keyturn.emails.lint.browser.measurements import WIDTHS, Measurement, read_measurements
from keyturn.errors import KeyturnError
from keyturn.packaging import folder, requires_extra

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page, Playwright, Route

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
_MAIL_MS = 10_000.0
"""How long one mail may take at each step: to be drawn, to be laid out at a width, to be measured."""

_IMAGE_MS = 5_000.0
_LONGEST = 2 * 1024**2
"""Characters of HTML."""

# A mail's scripts do not run, as in no client: ours is not part of the page, so its policy does not hold it (CSP Level
# 3, 4.2.3 and the DevTools protocol's Runtime domain).
_POLICY = "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:"
_STAND_IN = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"/>'
"""What an image is that nobody has asked for: one that is missing would be drawn without its size."""

_ADDRESS = "http://mail.invalid/"
"""No host (RFC 2606, 2): what is asked for there is the mail, and never leaves this process."""


class NoBrowser(KeyturnError):
    """There is no Chromium, or it does not start; the message is a sentence for a person."""


class NotMeasured(Exception):
    """A mail was not measured: it takes too long, or the browser died of it."""


class Chromium:
    """Measures mails, one after the other.

    `load_images` lets it ask the hosts that the images lie on, and nobody else; `weights` are then the bytes of each.
    """

    def __init__(self, browser: "Browser", *, load_images: bool) -> None:
        self._browser = browser
        self._load_images = load_images
        self._page: Page | None = None
        self._tools: CDPSession | None = None
        self._html = ""
        self.weights: dict[str, int] = {}
        source = (folder("preview") / "static/measure.js").read_text("utf-8").replace("export function", "function")
        self._script = f"((width) => {{ {source}\nreturn JSON.stringify([measure(document, width)]); }})"

    def measure(self, html: str, widths: Iterable[int] = WIDTHS) -> tuple[Measurement, ...]:
        """Return what is found at each width. Raises NotMeasured."""
        from playwright.sync_api import Error

        if len(html) > _LONGEST:
            raise NotMeasured(f"it has over {_LONGEST // 1024**2} MB")
        try:
            self._html, page = html, self._open_page()
            page.goto(_ADDRESS)
            return tuple(one for width in widths for one in self._measure_at(page, width))
        except Error as error:
            self._leave_page()
            raise NotMeasured(error.message.partition("\n")[0]) from error

    def _open_page(self) -> "Page":
        if self._page is None:
            self._page = self._browser.new_page(service_workers="block", accept_downloads=False)
            self._page.set_default_timeout(_MAIL_MS)
            self._page.route("**/*", self._answer)
            self._tools = self._page.context.new_cdp_session(self._page)
        return self._page

    def _measure_at(self, page: "Page", width: int) -> tuple[Measurement, ...]:
        page.set_viewport_size({"width": width, "height": 800})
        # Not by `page.evaluate`, which waits for as long as a script runs.
        expression = {"expression": f"{self._script}({width})", "returnByValue": True, "timeout": _MAIL_MS}
        answer = self._tools.send("Runtime.evaluate", expression) if self._tools else {}
        if not (found := answer.get("result", {}).get("value")):
            raise NotMeasured("it takes too long")
        return read_measurements(found)

    def _answer(self, route: "Route") -> None:
        if route.request.url == _ADDRESS and route.request.is_navigation_request():
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": _POLICY}
            route.fulfill(body=self._html, headers=headers)
        elif route.request.resource_type != "image":
            route.abort()
        elif self._load_images and not route.request.url.startswith(_ADDRESS):
            self._fetch(route)
        else:
            route.fulfill(body=_STAND_IN, content_type="image/svg+xml")

    def _fetch(self, route: "Route") -> None:
        """Hand an image on, and keep what it weighs; one that does not come in time is a missing one."""
        from playwright.sync_api import Error

        try:
            answer = route.fetch(max_redirects=3, timeout=_IMAGE_MS)
        except Error:
            route.abort()
            return
        if answer.ok:
            self.weights[route.request.url] = len(answer.body())
        route.fulfill(response=answer)

    def _leave_page(self) -> None:
        """Let go of a page that does not answer; the next mail gets another."""
        page, self._page = self._page, None
        if page and self._browser.is_connected():
            page.close(run_before_unload=False)


@contextmanager
def running_chromium(*, load_images: bool = False) -> Iterator[Chromium]:
    """Start a browser. Raises ExtraMissing without Playwright, and NoBrowser where there is none to drive."""
    with requires_extra("browser", "check --browser"):
        from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = _launch(playwright)
        except Error as error:
            raise NoBrowser(_explain(error.message)) from error
        try:
            yield Chromium(browser, load_images=load_images)
        finally:
            browser.close()


def _launch(playwright: "Playwright") -> "Browser":
    """Start the Chromium on the path, else the one that Playwright has fetched."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # then it refuses to start in its own sandbox
    arguments = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return playwright.chromium.launch(
        executable_path=path, args=[*arguments, *(["--no-sandbox"] if as_root else [])], timeout=30_000
    )


def _explain(message: str) -> str:
    if "Executable doesn't exist" in message:
        return "there is no Chromium here: install one (chromium, google-chrome), or run playwright install chromium"
    return f"Chromium does not start: {message.partition(chr(10))[0]}"
