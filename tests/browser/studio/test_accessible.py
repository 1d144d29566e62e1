"""Every page of the studio before axe-core, in light and dark, and on screens of every width."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, Page, expect
from tests.studio.web.fixtures import capture, save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

# Of the mails themselves the checks speak; here it is the studio that is looked at. Between light
# and dark only the colours differ.
_LOOK = "options => axe.run({exclude: [['iframe']]}, {resultTypes: ['violations'], ...options})"
_SCHEMES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
_WIDE = """() => [document.documentElement, document.querySelector("main")]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.outerHTML.slice(0, 99))"""


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    await page.add_init_script(path=AXE_FILE_PATH)
    yield page
    await page.close()


async def look(page: Page, where: str, widths: tuple[int, ...] = (1280, 375)) -> None:
    """Look in both schemes, without loading the page again. At every width the page must fit."""
    for width in (320, 800, 1024, *widths):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(_WIDE) == [], f"{where}, {width} pixels"
        for scheme, options in _SCHEMES.items() if width in widths else ():
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found = await page.evaluate(_LOOK, options)
            said = [
                f"{violation['id']}: {node['html'][:300]} {node['failureSummary']}"
                for violation in found["violations"]
                for node in violation["nodes"]
            ]
            assert said == [], f"{where}, {scheme}, {width} pixels"


async def test_a_template_and_its_tabs(page: Page, served: str, folder: Path) -> None:
    save(folder, "<mj-text>The end", '<mj-text colour="red">The end')
    tabs = ("?tab=checks", "?tab=links", "?tab=headers", "?tab=reading&scheme=word")
    for query in (
        "",
        "?edit=%7B",
        "?edit=%7B%22name%22%3A4%7D",
        *tabs,
        "?show=text",
        "?show=source",
    ):
        await page.goto(f"{served}/templates/greeting{query}")
        await look(page, query)
    await page.goto(f"{served}/templates/greeting?show=source&mode=edit")
    await expect(page.locator(".cm-lintRange-error").first).to_be_visible()
    await look(page, "the editor")
    for query in ("?pane=list", "?pane=details&tab=checks"):
        await page.goto(f"{served}/templates/greeting{query}")
        await look(page, query, (375,))


def empty(folder: Path) -> None:
    for file in (*folder.rglob("*.mjml"), *folder.rglob("*.txt")):
        file.unlink()


async def test_files_sheet_inbox_and_pages_that_teach(
    page: Page, served: str, folder: Path, inbox: Path
) -> None:
    name = capture(inbox, "Welcome", datetime(2026, 11, 20, tzinfo=UTC))
    searches = ("findings?words=xyz", "inbox?search=xyz")
    mails = (
        f"inbox/{name}",
        f"inbox/{name}?tab=checks",
        "send/greeting?sample=ada",
        "templates/nothing",
    )
    for path in (
        "files/_layout/base.mjml",
        "findings",
        "sheet",
        "inbox",
        "snapshots",
        *searches,
        *mails,
    ):
        await page.goto(f"{served}/{path}")
        await look(page, path)
    empty(folder)
    await page.goto(served)
    await expect(page.get_by_role("heading", name="Start with a folder")).to_be_visible()
    await look(page, "an empty folder")


async def test_a_fault_and_the_palette(page: Page, served: str, folder: Path) -> None:
    save(folder, "Hello {{ name }}", "Hello {{ nmae }}")
    await page.goto(f"{served}/templates/greeting?sample=ada")
    await expect(page.get_by_role("alert")).to_be_visible()
    await look(page, "a fault")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("option", name="notice", exact=True)).to_be_visible()
    await look(page, "the palette")
    await page.keyboard.type("xyz")
    await look(page, "the palette without a find")
