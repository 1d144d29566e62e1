"""Images of an untrusted folder: their addresses carry no data of the template away without consent."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect
from tests.browser.browsing import opened
from tests.browser.studio.elsewhere import Elsewhere, answering
from tests.servers.serving import serving

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.web.app import Studio, create_studio_app

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

TEMPLATE = """<!doctype html><html><head><title>Hello</title><link rel="preconnect" href="{at}"></head><body>
<img src="{at}/open.gif?name={{{{ name }}}}" width="40" height="40" alt="Northwind School"><p>Hello {{{{ name }}}}</p>
<div style="background:url({at}/ground.png)">Words</div></body></html>"""


@pytest.fixture
def templates(tmp_path: Path, elsewhere: Elsewhere) -> Path:
    folder = tmp_path / "emails"
    folder.mkdir()
    for name in ("welcome", "goodbye"):
        (folder / f"{name}.html").write_text(TEMPLATE.format(at=elsewhere.address))
    (folder / "welcome.samples.toml").write_text('[ada]\nname = "Ada"\n')
    (folder / "_footer.html").write_text(f'<img src="{elsewhere.address}/footer.png" alt="">')
    return folder


@pytest.fixture
def foreign(templates: Path, tmp_path: Path) -> Iterator[str]:
    studio = Studio(
        gallery=open_gallery(templates, sandboxed=True),
        sender="a@b.example",
        settings=StudioSettings(snapshots=tmp_path / "snapshots"),
        token="",
    )
    with serving(create_studio_app(studio)) as url:
        yield f"{url}/studio"
        studio.stopping.set()


@pytest.mark.parametrize("path", ["templates/welcome", "templates/welcome?scheme=word&width=320", "frames/welcome"])
async def test_no_host_learns_what_a_foreign_template_is_given(
    context: BrowserContext, foreign: str, elsewhere: Elsewhere, path: str
) -> None:
    page = await context.new_page()
    if path.startswith("templates"):
        async with page.expect_response(re.compile("/studio/checks/")):
            await page.goto(f"{foreign}/{path}")
        await expect(page.get_by_text("Remote images are off.")).to_be_visible()
    else:
        await page.goto(f"{foreign}/{path}")
        await expect(page.get_by_text("Hello")).to_be_visible()
    await page.close()
    assert elsewhere.contacts == (0, [])


async def test_pages_that_look_over_a_foreign_folder_ask_nobody_either(
    context: BrowserContext, foreign: str, elsewhere: Elsewhere
) -> None:
    page = await opened(context, f"{foreign}/sheet")
    await expect(page.frame_locator("main iframe").first.get_by_text("Words")).to_be_attached()
    assert elsewhere.contacts == (0, [])
    async with page.expect_response(re.compile("/open.gif")):
        await page.get_by_role("link", name="Load them for this folder").click()
    await page.close()


async def test_what_is_typed_into_a_foreign_template_stays_here(
    context: BrowserContext, foreign: str, elsewhere: Elsewhere
) -> None:
    page = await opened(context, f"{foreign}/templates/welcome?show=source&mode=edit")
    await page.locator(".cm-content").press("Control+End")
    await page.keyboard.type("<p>My own words</p>")
    await expect(page.frame_locator("[data-preview] iframe").last.get_by_text("My own words")).to_be_visible()
    await page.close()
    assert elsewhere.contacts == (0, [])


async def test_a_folder_that_is_trusted_shows_its_images_at_once(context: BrowserContext, templates: Path) -> None:
    studio = Studio(gallery=open_gallery(templates), sender="a@b.example", token="")
    with serving(create_studio_app(studio)) as url:
        page = await context.new_page()
        async with answering(page, "/open.gif"):
            await page.goto(f"{url}/studio/templates/welcome")
        logo = page.frame_locator(".paper iframe:not(.arriving)").get_by_alt_text("Northwind School")
        await expect(logo).to_have_js_property("naturalWidth", 120)
        await expect(page.get_by_text("Remote images")).to_have_count(0)
        studio.stopping.set()
        await page.close()
