"""Debian's Chromium, driven by Playwright, for tests that look at pages as people do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright, expect

_NOT_NEEDED = (
    # A toolbar that is a page of its own, in a process of its own for each context, and processes kept in reserve:
    # without them a context costs two thirds.
    "InitialWebUI",
    "WebUIReloadButton",
    "WebUIReloadButtonProfilePrewarming",
    "WebUIToolbar",
    "PreloadTopChromeWebUI",
    "SpareRendererForSitePerProcess",
    # What Playwright turns off, whose list this one takes the place of.
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
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
"""As root Chromium needs the first; the others stop its own network requests and invisible work."""

PATIENCE = 60_000
"""Milliseconds that a page may take to load, or to look as it should: many tests may share one core."""


@asynccontextmanager
async def running_chromium(path: str) -> AsyncIterator[Browser]:
    """Run the browser that lies there."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        await browser.close()
