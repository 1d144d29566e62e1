"""The pages of many mails: what changed, the findings and the contact sheet fill and follow saves
by themselves.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, Route, expect
from tests.browser.studio.conftest import settled, watched
from tests.servers.serving import serving
from tests.studio.web.fixtures import RIGHT, WRONG, save

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.snapshots import MailName, SnapshotFolder, Snapshots
from keyturn.studio.web.app import Studio, create_studio_app

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

HIDE = """hidden => (Object.defineProperty(document, "hidden",
  { value: !!hidden, configurable: true }),
  document.dispatchEvent(new Event("visibilitychange")))"""


@pytest.fixture
def stored(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "snapshots")


@pytest.fixture
def served(studio: Studio, stored: SnapshotFolder) -> Iterator[str]:
    """Serve a studio in which every mail was accepted."""
    snapshots = Snapshots(studio.gallery, stored, ["en"])
    for comparison in map(snapshots.compare, snapshots.names()):
        snapshots.accept(comparison)
    with serving(
        create_studio_app(
            replace(
                studio, settings=StudioSettings(snapshots=stored.folder, snapshot_languages=("en",))
            )
        )
    ) as url:
        yield f"{url}/studio"
        studio.stopping.set()


async def test_what_a_save_changes_appears_by_itself_and_is_accepted_mail_by_mail_with_keys(
    page: Page, served: str, folder: Path, stored: SnapshotFolder
) -> None:
    await page.goto(f"{served}/snapshots")
    await watched(page)
    await expect(
        page.get_by_role("heading", name="All mails match their snapshots")
    ).to_be_visible()
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    await expect(page.get_by_role("heading", name="2 mails to review")).to_be_visible()
    await page.keyboard.press("n")
    await expect(page.locator(".old").first).to_contain_text("Hello Ada")
    await expect(page.locator(".new").first).to_contain_text("Welcome Ada")
    await page.keyboard.press("n")
    await expect(page.locator(".new").first).to_contain_text("Welcome Grace")
    await page.keyboard.press("n")
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=ada")
    await settled(page)

    for _ in range(3):
        await page.keyboard.down(
            "a"
        )  # the first press, and what a keyboard repeats while the key is held
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=grace")
    accepted = stored.read(MailName("greeting", "ada"))
    assert accepted
    assert "Welcome Ada" in accepted.html
    await expect(page.get_by_role("link", name="Snapshots 1 to review")).to_be_visible()
    await watched(page)  # the scripts of the next page know its keys
    await page.keyboard.down("a")
    await expect(page.locator("#accept")).to_be_enabled()
    await page.keyboard.up("a")
    await page.keyboard.press("a")
    await expect(
        page.get_by_role("heading", name="All mails match their snapshots")
    ).to_be_visible()


async def test_a_key_accepts_no_mail_that_was_not_on_the_screen_and_pressed_twice_the_one_that_is(
    page: Page, served: str, folder: Path, stored: SnapshotFolder
) -> None:
    save(folder, "Hello {{ name }}", "Welcome {{ name }}")
    await page.goto(f"{served}/snapshots/greeting?sample=ada")
    await watched(page)
    before = [stored.read(MailName("greeting", sample)) for sample in ("ada", "grace")]
    answered = asyncio.Event()

    async def late(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await page.route("**/snapshots/greeting?sample=*", late)
    await page.keyboard.press("n")
    await page.keyboard.press("a")  # of the mail that the reader leaves
    answered.set()
    await page.wait_for_url("**/snapshots/greeting?sample=grace")
    await expect(page.locator(".new").first).to_contain_text("Welcome Grace")
    assert [stored.read(MailName("greeting", sample)) for sample in ("ada", "grace")] == before
    await settled(page)
    answered.clear()
    decisions: list[Request] = []
    page.on(
        "request", lambda request: decisions.append(request) if request.method == "POST" else None
    )
    async with page.expect_request(lambda request: request.method == "POST"):
        await page.keyboard.press("a")
    await page.keyboard.press("a")
    answered.set()
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=ada")
    await expect(page.get_by_role("link", name="Snapshots 1 to review")).to_be_visible()
    assert stored.read(MailName("greeting", "ada")) == before[0]
    assert len(decisions) == 1


async def test_the_palette_presses_what_the_page_has_by_now(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, "Hello", "Servus")
    await page.goto(f"{served}/snapshots/greeting?sample=ada")
    for texts in (["Servus", "Hello", "Servus"], ["Servus", "Hello"]):
        await watched(page)
        await page.keyboard.press("Control+k")
        await expect(
            page.get_by_role("option", name="notice", exact=True)
        ).to_be_visible()  # all choices are there
        await page.keyboard.type("accept")
        for old, new in pairwise(texts):
            save(folder, old, new)
            await expect(page.locator("#accept")).to_have_count(int(new == "Servus"))
        await page.keyboard.press("Enter")
        await settled(page)
        await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=grace")


async def test_it_fills_follows_saves_and_keeps_what_was_unfolded(
    page: Page, served: str, folder: Path
) -> None:
    save(folder, ' lang="{{ lang }}"', "", "_layout/base.mjml")
    await page.goto(f"{served}/findings")
    warnings, errors = page.locator("#severity-warning"), page.locator("#severity-error")
    await expect(warnings).to_have_text(re.compile(r"^[1-9]\d* warnings?$"))
    await expect(page.get_by_text("This page updates itself.")).to_have_count(0)
    await watched(page)

    save(folder, RIGHT, WRONG)
    await expect(errors).to_have_text("1 error")
    first = page.locator("#counts-1")
    await first.locator("summary").click()
    await expect(first).to_contain_text("greeting/greeting.mjml:8:10")
    save(folder, "<mj-text>Hello", "\n<mj-text>Hello")
    await expect(first).to_contain_text("greeting/greeting.mjml:9:10")
    await expect(first).to_have_attribute("open", "")

    await errors.click()
    await expect(page).to_have_url(re.compile(r"/findings\?severity=error$"))
    await expect(page.locator(".folded-findings > li")).to_have_count(1)
    words = page.get_by_role("searchbox", name="Words in a finding")
    await words.press_sequentially("contrst")
    await expect(page).to_have_url(re.compile("words=contrst"))
    await expect(words).to_be_focused()
    assert await words.evaluate("field => [field.value, field.selectionStart]") == [
        "contrst",
        len("contrst"),
    ]
    await expect(page.get_by_text("No finding matches these filters")).to_be_visible()
    await page.go_back()
    await expect(page.locator(".folded-findings > li")).to_have_count(1)
    await page.locator("#counts-1 summary").click()
    await page.get_by_role("link", name="greeting/greeting.mjml:9:10").click()
    await expect(page.locator("li:target")).to_contain_text("colour")
    await page.keyboard.press("f")
    await expect(page).to_have_url(re.compile(r"/findings$"))

    await page.get_by_role("link", name="Keyturn studio").click()
    await expect(page.locator(".cards .error, #list-findings .error")).to_have_count(2)
    first = page.locator(".thumb iframe").first
    await first.evaluate("frame => (frame.isSame = true)")
    save(folder, WRONG, RIGHT)
    await expect(page.locator(".cards .error, #list-findings .error")).to_have_count(0)
    assert await first.evaluate("frame => frame.isSame")


async def test_mails_are_loaded_where_they_are_looked_at_as_tall_as_they_are_and_follow_a_save(
    page: Page, served: str, folder: Path
) -> None:
    for number in range(20):
        (folder / f"more_{number:02}.html").write_text("<title>More</title><p>Hello</p>")
    await page.goto(f"{served}/sheet?width=600&scheme=light&samples=all")
    await watched(page)
    first, last = page.locator(".thumb").first, page.locator(".thumb").last
    await expect(first).to_have_js_property("clientWidth", 300)
    await page.wait_for_function("document.querySelector('.thumb').clientHeight > 700")
    assert (
        await last.evaluate("thumb => thumb.firstElementChild.contentDocument.URL") == "about:blank"
    )
    await last.scroll_into_view_if_needed()
    await expect(last.frame_locator("iframe").get_by_text("The heating is back")).to_be_visible()

    save(folder, "Hello", "Goodbye")
    await expect(first.frame_locator("iframe").get_by_text("Goodbye Ada")).to_be_attached()
    await page.evaluate(HIDE, "hidden")  # and catches up
    save(folder, "Goodbye", "Farewell")
    await page.evaluate(HIDE, "")
    await expect(first.frame_locator("iframe").get_by_text("Farewell Ada")).to_be_attached()

    await page.get_by_role("checkbox", name="Dark").check()
    await expect(page).to_have_url(f"{served}/sheet?width=600&scheme=light&scheme=dark&samples=all")
    await expect(page.get_by_role("checkbox", name="Dark")).to_be_focused()
