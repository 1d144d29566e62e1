"""The extension in VS Code, in Chromium. Each test leaves pictures in `CODE_SERVER_PICTURES`."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from tests.editors.code_server import Window, code_server, commands_for
from tests.versions import CHECKOUT

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

MAILS = CHECKOUT / "examples" / "shop-mails"
MAIL = "order_shipped/order_shipped.mjml"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Make a workspace with mails, one of them with a mistake, and with Keyturn in its environment."""
    shop = tmp_path / "shop"
    shutil.copytree(MAILS, shop / "emails")
    mail = shop / "emails" / MAIL
    mail.write_text(mail.read_text("utf-8").replace("<mj-text>", '<mj-text algin="left">', 1), "utf-8")
    (shop / ".venv" / "bin").mkdir(parents=True)
    (shop / ".venv" / "bin" / "keyturn").symlink_to(Path(sys.executable).with_name("keyturn"))
    return shop


@pytest_asyncio.fixture(loop_scope="session")
async def window(
    browser: Browser, extension: Path, shop: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Window]:
    """Open the workspace. At the end VS Code is told to stop, and nothing that it started may be left."""
    trusts = getattr(request, "param", "trusted") == "trusted"
    pictures = Path(os.environ.get("CODE_SERVER_PICTURES", shop.parent))
    async with code_server(extension, shop.parent, trusts=trusts) as address:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(address, wait_until="load")
        await expect(page.locator(".explorer-folders-view", has_text="emails")).to_be_visible()
        yield Window(page, pictures)
    await page.close()
    async with asyncio.timeout(15):
        while commands_for(shop):
            await asyncio.sleep(0.5)


async def test_it_shows_findings_hints_and_included_files(window: Window) -> None:
    page = window.page
    await window.open("order_shipped.mjml")
    await expect(page.locator(".squiggly-error")).to_have_count(1)
    await page.keyboard.press("F8")
    await expect(page.locator(".marker-widget").first).to_contain_text("Did you mean align?")
    await window.picture("1-finding")
    await page.keyboard.press("Escape")
    await window.place(1, 15)
    await page.keyboard.press("F12")
    await expect(page.locator(".tab.active", has_text="base.mjml")).to_be_visible()
    lines = (MAILS / "_layout" / "base.mjml").read_text("utf-8").splitlines()
    line = next(number for number, line in enumerate(lines, 1) if "border-radius" in line)
    await window.place(line, lines[line - 1].index("border-radius") + 3)
    await window.hover("Can I email")
    await window.picture("2-hover")
    await page.keyboard.press("Escape")


async def test_it_completes_elements_attributes_and_names(window: Window) -> None:
    await window.open("order_shipped.mjml")
    await expect(window.page.locator(".squiggly-error")).to_have_count(1)
    for name, line, column, typed, expected in (
        ("3-attributes", 6, 9, " ", "background-color"),
        ("4-names", 8, 1, "{{ parcel.", "carrier"),
        ("5-elements", 11, 1, "<mj-", "mj-button"),
    ):
        await window.place(line, column)
        await window.page.keyboard.type(typed)
        await expect(window.page.locator(".suggest-widget", has_text=expected)).to_be_visible()
        await window.picture(name)
        await window.page.keyboard.press("Escape")
        for _ in typed:
            await window.page.keyboard.press("Backspace")


async def test_the_preview_follows_saves_and_the_active_editor(window: Window, shop: Path) -> None:
    await window.open("order_shipped.mjml")
    await window.choose("F1", "Keyturn: Open preview")
    await window.previews("order_shipped", "It is on its way.")
    await window.picture("6-preview")
    mail = shop / "emails" / MAIL
    mail.write_text(mail.read_text("utf-8").replace("It is on its way.", "It has left."), "utf-8")
    await window.previews("order_shipped", "It has left.")
    await window.open("order_confirmed.mjml")
    await window.previews("order_confirmed", "Thank you")
    await window.picture("7-another-mail")


@pytest.mark.parametrize("window", ["unknown"], indirect=True)
async def test_in_restricted_mode_nothing_is_started(window: Window, shop: Path) -> None:
    await window.page.get_by_role("button", name=re.compile("No, I don't trust")).click()
    await window.open("order_shipped.mjml")
    await window.page.wait_for_timeout(5000)
    await window.picture("8-restricted")
    await expect(window.page.locator(".squiggly-error")).to_have_count(0)
    assert not commands_for(shop)


async def test_a_command_that_cannot_start_is_one_message_with_what_to_do(window: Window, shop: Path) -> None:
    command = shop / ".venv" / "bin" / "keyturn"
    command.unlink()
    command.write_text(
        "#!/bin/sh\necho \"keyturn: The language server needs: pip install 'keyturn[lsp]'\" >&2\nexit 1\n"
    )
    command.chmod(0o755)
    await window.open("order_shipped.mjml")
    message = window.page.locator(".notifications-toasts .notification-list-item", has_text="Keyturn")
    await expect(message).to_contain_text("pip install 'keyturn[lsp]'")
    await window.page.wait_for_timeout(3000)
    await window.picture("9-failure")
    await expect(message).to_have_count(1)
