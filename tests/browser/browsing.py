"""Debian's Chromium, driven by Playwright, for tests of pages in a browser."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Browser, BrowserContext, Error, Page, Route, async_playwright, expect

_NOT_NEEDED = (
    # The toolbar is a page with a process for each context, and Chromium keeps spare processes. Without both, a context
    # costs two thirds.
    *("InitialWebUI", "WebUIReloadButton", "WebUIReloadButtonProfilePrewarming", "WebUIToolbar"),
    *("PreloadTopChromeWebUI", "SpareRendererForSitePerProcess"),
    # Playwright disables these, and this list replaces Playwright's.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    "PreconnectToSearch",
)

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(_NOT_NEEDED)}",
)
"""Chromium needs the first flag as root. The others stop its own requests to hosts, and work that no test sees."""

PATIENCE = 60_000
"""Milliseconds that a page may take to load or to reach the expected state, since many tests may share one core."""


@asynccontextmanager
async def running_chromium(path: str) -> AsyncIterator[Browser]:
    """Run the browser at `path`."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        await browser.close()


async def fill(page: Page, password: str, again: str = "") -> None:
    """Type a new password into the form for it."""
    await page.get_by_label("New password", exact=True).fill(password)
    await page.get_by_label("Repeat the new password", exact=True).fill(again)


async def choose(page: Page, password: str, again: str) -> None:
    """Type a new password, and send the form."""
    await fill(page, password, again)
    await page.get_by_role("button", name="Save the new password").click()


async def opened(context: BrowserContext, address: str) -> Page:
    page = await context.new_page()
    await page.goto(address)
    return page


class Held:
    """What a page asks for and does not get until `go` is set. `asked`: is set by the first request."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()


async def hold(page: Page, address: str, kind: str = "") -> Held:
    """Keep back what the page asks for at that address: everything, or the first request of this kind alone."""
    held = Held()

    async def answer(route: Route) -> None:
        if not kind or (route.request.resource_type == kind and not held.asked.is_set()):
            held.asked.set()
            await held.go.wait()
        with suppress(Error):  # nobody waits for it any more
            await route.continue_()

    await page.route(address, answer)
    return held
