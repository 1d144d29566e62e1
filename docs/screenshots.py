"""Take the pictures of the documentation again: `uv run python docs/screenshots.py`.

Needs Debian's Chromium.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright

Scheme = Literal["light", "dark"]
IMAGES = Path(__file__).parent / "images"
TOKEN = "a-token-for-the-pictures"
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "keyturn", "demo", "--port", "0"]
        environment = {**os.environ, "KEYTURN_STUDIO_TOKEN": TOKEN}
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        ) as demo:
            try:
                assert demo.stdout
                url = next(
                    found[0]
                    for line in demo.stdout
                    if (found := re.search(r"http://[\w.-]+:\d+", line))
                )
                async with async_playwright() as playwright:
                    browser = await playwright.chromium.launch(
                        executable_path="/usr/bin/chromium", args=FLAGS
                    )
                    for scheme in ("light", "dark"):
                        await studio(browser, url, scheme)
                        await mail(browser, scheme)
                    await sheet(browser, url)
                    await page(browser, url)
                    await browser.close()
            finally:
                demo.send_signal(signal.SIGINT)


async def studio(browser: Browser, url: str, scheme: Scheme) -> None:
    tab = await browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    await tab.goto(f"{url}/studio/templates/password_reset?sample=viewer&tab=checks&token={TOKEN}")
    await tab.get_by_role("status").filter(has_text="watching").wait_for()
    await tab.wait_for_load_state("networkidle", timeout=180_000)  # it checks the whole folder
    await tab.screenshot(path=IMAGES / f"studio-{scheme}.png")
    await tab.close()


async def sheet(browser: Browser, url: str) -> None:
    tab = await browser.new_page(viewport={"width": 1440, "height": 760})
    await tab.goto(
        f"{url}/studio/sheet?width=375&scheme=light&scheme=dark&lang=en&lang=de&lang=ar&token={TOKEN}"
    )
    await tab.wait_for_timeout(2000)  # its frames are loaded as they come into view
    await tab.screenshot(path=IMAGES / "studio-sheet.png")
    await tab.close()


async def mail(browser: Browser, scheme: Scheme) -> None:
    command = [sys.executable, "-m", "keyturn", "render", "password_reset", "--sample", "viewer"]
    environment = {
        "KEYTURN_BRAND_NAME": "Northwind School",
        "KEYTURN_BRAND_SUPPORT_ADDRESS": "help@northwind.example",
    }
    environment |= {"KEYTURN_BRAND_POSTAL_ADDRESS": "12 Harbour Street, Leeds"}
    rendered = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout
    tab = await browser.new_page(viewport={"width": 640, "height": 400}, color_scheme=scheme)
    await tab.set_content(rendered)
    await tab.screenshot(path=IMAGES / f"mail-{scheme}.png", full_page=True)
    await tab.close()


async def page(browser: Browser, url: str) -> None:
    tab = await browser.new_page(viewport={"width": 1280, "height": 720})
    await tab.goto(f"{url}/forgot-password")
    await tab.screenshot(path=IMAGES / "forgot-password.png")
    await tab.close()


asyncio.run(main())
