"""The review in a real browser: looking at before and after, with mouse and keyboard, and saying yes."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, FrameLocator, Page, expect
from tests.emails.studio.on_screen import save
from tests.emails.studio.pages.test_accessible import look
from tests.serving import serving

from keyturn.studio.snapshots import MailName, Snapshot, SnapshotFolder, Snapshots
from keyturn.studio.web import Studio, create_studio_app

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

ADA = MailName("greeting", "ada")


@pytest.fixture
def stored(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "snapshots")


@pytest.fixture
def served(studio: Studio, stored: SnapshotFolder) -> Iterator[str]:
    """Serve a studio in which every mail was accepted."""
    snapshots = Snapshots(studio.gallery, stored, ["en"])
    for comparison in snapshots.compare_each(snapshots.names()):
        snapshots.accept(comparison)
    with serving(create_studio_app(replace(studio, snapshots=stored.folder, snapshot_languages=("en",)))) as url:
        yield f"{url}/studio"
        studio.stopping.set()


def proof(page: Page, side: str) -> FrameLocator:
    return page.frame_locator(f".{side} iframe")


def snapshot_in(stored: SnapshotFolder) -> Snapshot:
    found = stored.read(ADA)
    assert found
    return found


async def watched(page: Page) -> None:
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")


async def test_what_a_save_changes_appears_by_itself_and_is_accepted_mail_by_mail_with_keys(
    page: Page, served: str, folder: Path, stored: SnapshotFolder
) -> None:
    await page.goto(f"{served}/snapshots")
    await watched(page)
    await expect(page.get_by_role("heading", name="All mails match their snapshots")).to_be_visible()
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    await expect(page.get_by_role("heading", name="2 mails to review")).to_be_visible()
    await expect(page.get_by_role("link", name="Snapshots 2 changed")).to_be_visible()

    await page.get_by_role("link", name="greeting / ada").click()
    await expect(proof(page, "before").get_by_text("Hello Ada")).to_be_visible()
    await expect(proof(page, "after").get_by_text("Welcome Ada")).to_be_visible()
    await page.keyboard.press("n")
    await expect(proof(page, "after").get_by_text("Welcome Grace")).to_be_visible()
    await page.keyboard.press("n")
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=ada")

    await page.keyboard.press("a")
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=grace")
    assert "Welcome Ada" in snapshot_in(stored).html
    await expect(page.get_by_role("link", name="Snapshots 1 changed")).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.get_by_role("heading", name="All mails match their snapshots")).to_be_visible()
    await expect(page.get_by_role("link", name="Snapshots", exact=True)).to_be_visible()


async def test_before_and_after_are_level_and_one_can_be_swiped_over_the_other(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    save(folder, "1500px", "900px")
    await page.goto(f"{served}/snapshots/greeting?sample=ada&width=1280")
    await watched(page)
    frames = page.locator(".proof-page iframe")
    for frame in await frames.all():
        await expect(frame).to_have_js_property("clientWidth", 1280)
    heights = [await frame.evaluate("frame => frame.clientHeight") for frame in await frames.all()]
    assert heights[0] == heights[1] > 1500

    changed = proof(page, "after").get_by_text("Welcome Ada")
    await expect(changed).to_have_css("outline-style", "solid")
    await page.keyboard.press("m")
    await expect(changed).to_have_css("outline-style", "none")

    await page.keyboard.press("b")
    after, slider = page.locator(".after"), page.get_by_role("slider")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 50%)")
    await slider.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 49%)")
    await expect(slider).to_have_attribute("aria-valuetext", "49% accepted, 51% now")
    await page.keyboard.press("x")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 100%)")
    await page.keyboard.press("x")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 0%)")


@pytest.mark.long
async def test_every_page_of_it_is_accessible_in_light_and_dark(browser: Browser, served: str, folder: Path) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    save(folder, "[grace]", "[rear_admiral]", "greeting/samples.toml")
    page = await browser.new_page()
    await page.add_init_script(path=AXE_FILE_PATH)
    mail = "snapshots/greeting?sample=ada"
    for path, width in (("snapshots", 375), (mail, 1280), (f"{mail}&show=both", 375), (f"{mail}&show=source", 1280)):
        await page.goto(f"{served}/{path}")
        await look(page, path, (width,))
    await page.close()


async def test_the_difference_of_each_pixel_is_dark_where_the_mail_changed_and_white_elsewhere(
    page: Page, browser: Browser, served: str, folder: Path
) -> None:
    save(
        folder, "<mj-text>Hello {{ name }}</mj-text>", "<mj-text>Hello {{ name }}</mj-text><mj-text>New here</mj-text>"
    )
    await page.goto(f"{served}/snapshots/greeting?sample=ada")
    await watched(page)
    await page.keyboard.press("p")
    await expect(page).to_have_url(re.compile("show=pixels"))
    await expect(page.locator("[data-layout]")).to_have_text(re.compile(r"^\d+ px taller, \d texts? moved, 1 new$"))
    above, below = await dark_rows(page, browser)
    assert above == 0
    assert below > 0


async def dark_rows(page: Page, browser: Browser) -> tuple[int, int]:
    """Return how many rows of the difference have something dark in them: of the first 30, and below."""
    box = await page.locator(".stack").bounding_box()
    assert box
    shot = await page.screenshot(clip={**box, "height": 400})
    blank = await browser.new_page()
    rows: list[bool] = await blank.evaluate(DARK_ROWS, b64encode(shot).decode())
    await blank.close()
    return sum(rows[:30]), sum(rows[30:])


DARK_ROWS = """async (shot) => {
  const image = new Image();
  image.src = `data:image/png;base64,${shot}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  return [...Array(image.height).keys()].map((row) =>
    canvas.getImageData(0, row, image.width, 1).data.some((value, at) => at % 4 === 0 && value < 128));
}"""
