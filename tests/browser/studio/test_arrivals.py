"""Pages update themselves at any moment, and disturb nothing that the user does."""

import re

import pytest
from playwright.async_api import Page, expect
from tests.browser.studio.conftest import watched
from tests.studio.inbox.mails import mail as captured_mail

from keyturn.studio.inbox.store import CapturedMails

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def caught(page: Page, captured: CapturedMails, subject: str) -> None:
    """Have a mail caught, and wait until the page has it."""
    captured.add(bytes(captured_mail(subject, html="<p>Hello Ada</p>")))
    await expect(page.get_by_role("link", name=re.compile(subject))).to_be_visible()


async def test_mails_come_by_themselves_and_the_search_and_the_question_of_the_inbox_stay(
    page: Page, served: str, captured: CapturedMails
) -> None:
    await page.goto(f"{served}/inbox")
    await expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()
    await watched(page)
    await caught(page, captured, "The first")
    await page.locator("#delete-summary").click()
    await caught(page, captured, "The second")
    await expect(page.get_by_text("This deletes all 2 mails")).to_be_visible()

    row = page.get_by_role("link", name=re.compile("The first"))
    await row.focus()
    await caught(page, captured, "The third")
    await expect(row).to_be_focused()

    search = page.get_by_role("searchbox", name="Search the inbox")
    await search.fill("fir")
    await caught(page, captured, "The fourth")
    await expect(search).to_be_focused()
    await expect(search).to_have_value("fir")


async def test_a_mail_is_read_once_it_is_opened_and_its_code_is_copied_with_a_key(
    page: Page, served: str, captured: CapturedMails
) -> None:
    captured.add(bytes(captured_mail("Sign in", text="Customer 10482211\nYour code is 731 904.")))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{served}/inbox")
    await page.get_by_role("link", name=re.compile("Sign in.*not opened yet")).click()
    await expect(page.locator("#copy-code")).to_be_visible()
    await watched(page)
    await page.keyboard.press("y")
    await expect(page.locator("#copy-code")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "731904"
    await page.get_by_role("link", name="Inbox", exact=True).click()
    row = page.get_by_role("link", name=re.compile("Sign in"))
    await expect(row).not_to_have_accessible_name(re.compile("not opened yet"))
