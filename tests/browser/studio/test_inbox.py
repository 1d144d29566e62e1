"""Captured mails in a real browser: they come by themselves, and their codes are copied."""

import re

import pytest
from playwright.async_api import Page, expect
from tests.studio.inbox.mails import mail

from keyturn.studio.inbox.store import CapturedMails

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_a_mail_that_is_caught_appears_by_itself_and_is_read_when_it_is_opened(
    page: Page, served: str, captured: CapturedMails
) -> None:
    await page.goto(f"{served}/inbox")
    await expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text(re.compile("watching"))
    captured.add(bytes(mail("Welcome", "ada+signup@northwind.example", html="<p>Hello Ada</p>")))
    row = page.get_by_role("link", name=re.compile("Welcome.*not opened yet"))
    await expect(row).to_be_visible()
    await row.click()
    await expect(page.frame_locator(".paper iframe").get_by_text("Hello Ada")).to_be_visible()
    await page.get_by_role("link", name="Inbox", exact=True).click()
    await expect(page.get_by_role("link", name=re.compile("Welcome"))).not_to_have_accessible_name(
        re.compile("not opened yet")
    )


async def test_the_code_of_a_mail_is_copied_with_a_key(page: Page, served: str, captured: CapturedMails) -> None:
    mail_id = captured.add(bytes(mail("Sign in", text="Customer 10482211\nYour code is 731 904.")))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{served}/inbox/{mail_id}")
    await expect(page.get_by_role("status")).to_have_text(re.compile("watching"))
    await page.keyboard.press("y")
    await expect(page.locator("#copy-code")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "731904"
