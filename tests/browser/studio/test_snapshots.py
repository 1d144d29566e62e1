"""The review in a real browser: reading what changed, with mouse and keyboard, and saying yes."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect
from tests.servers.serving import serving
from tests.studio.web.fixtures import save

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.snapshots import MailName, SnapshotFolder, Snapshots
from keyturn.studio.web.app import Studio, create_studio_app

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


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
        create_studio_app(replace(studio, settings=StudioSettings(snapshots=stored.folder, snapshot_languages=("en",))))
    ) as url:
        yield f"{url}/studio"
        studio.stopping.set()


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
    await page.keyboard.press("n")
    await expect(page.locator(".old").first).to_contain_text("Hello Ada")
    await expect(page.locator(".new").first).to_contain_text("Welcome Ada")
    await page.keyboard.press("n")
    await expect(page.locator(".new").first).to_contain_text("Welcome Grace")
    await page.keyboard.press("n")
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=ada")

    await page.evaluate("void setInterval(() => document.getElementById('accept')?.click(), 20)")  # a key that is held
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=grace")
    accepted = stored.read(MailName("greeting", "ada"))
    assert accepted
    assert "Welcome Ada" in accepted.html
    await expect(page.get_by_role("link", name="Snapshots 1 to review")).to_be_visible()
    await watched(page)  # the scripts of the next page know its keys
    await page.wait_for_function("performance.now() > 300")  # and a person has seen it
    await page.keyboard.press("a")
    await expect(page.get_by_role("heading", name="All mails match their snapshots")).to_be_visible()


async def test_a_key_accepts_no_mail_that_was_not_on_the_screen(
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

    await page.route("**/snapshots/greeting?sample=grace", late)
    await page.keyboard.press("n")
    await page.keyboard.press("a")  # of the mail that the reader leaves
    answered.set()
    await page.wait_for_url("**/snapshots/greeting?sample=grace")
    await page.keyboard.press("a")  # before anybody can have read it
    await expect(page.locator(".new").first).to_contain_text("Welcome Grace")
    assert [stored.read(MailName("greeting", sample)) for sample in ("ada", "grace")] == before
    await page.wait_for_timeout(300)
    await page.keyboard.press("a")
    await expect(page).to_have_url(f"{served}/snapshots/greeting?sample=ada")
    await expect(page.get_by_role("link", name="Snapshots 1 to review")).to_be_visible()
    assert stored.read(MailName("greeting", "ada")) == before[0]
