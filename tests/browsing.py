"""Debian's Chromium, driven by Playwright, for tests that look at pages as people do."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright, expect

FLAGS = (
    "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip
"""As root it needs the first; the others keep it from looking for hosts of its own."""

_PATIENCE = 20_000
"""Milliseconds that a page may take to look as it should: many tests may share one core."""


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Run the browser. Where there is none the test is skipped, but never in CI."""
    path = shutil.which("chromium")
    if not path:
        message = "no chromium on this machine: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    expect.set_options(timeout=_PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        await browser.close()
