"""Debian's Chromium, driven by Playwright, for tests of pages in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright, expect

_NOT_NEEDED = (
    # The toolbar is a page with a process for each context, and Chromium keeps spare processes.
    # Without both, a context costs two thirds.
    *("InitialWebUI", "WebUIReloadButton", "WebUIReloadButtonProfilePrewarming", "WebUIToolbar"),
    *("PreloadTopChromeWebUI", "SpareRendererForSitePerProcess"),
    # Playwright disables these, and this list replaces Playwright's.
    *(
        "AvoidUnnecessaryBeforeUnloadCheckSync",
        "DestroyProfileOnBrowserClose",
        "HttpsUpgrades",
        "LensOverlay",
    ),
    *(
        "HttpsFirstBalancedModeAutoEnable",
        "MediaRouter",
        "PaintHolding",
        "ThirdPartyStoragePartitioning",
    ),
    *(
        "AvoidCorsURLLoaderRestartOnRedirect",
        "OptimizationHints",
        "NetworkTimeServiceQuerying",
        "AimEnabled",
    ),
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
"""Chromium needs the first flag as root.

The others stop its own requests to hosts, and work that no test sees.
"""

PATIENCE = 60_000
"""Milliseconds that a page may take to load or to reach the expected state, since many tests may
share one core.
"""


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
