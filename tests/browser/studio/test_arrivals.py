"""Pages update themselves at any moment, and disturb nothing that the user does."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.browser.browsing import hold
from tests.browser.studio.on_screen import mail, open_sample
from tests.studio.inbox.mails import mail as captured_mail
from tests.studio.web.fixtures import save

from keyturn.studio.inbox.store import CapturedMails

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

RIGHT, WRONG = "<mj-text>The end", '<mj-text colour="red">The end'


async def caught(page: Page, captured: CapturedMails, subject: str) -> None:
    """Have a mail caught, and wait until the page has it."""
    captured.add(bytes(captured_mail(subject, html="<p>Hello Ada</p>")))
    await expect(page.get_by_role("link", name=re.compile(subject))).to_be_visible()


async def test_a_save_is_rendered_also_where_somebody_asks_for_another_page_meanwhile(
    page: Page, served: str, folder: Path
) -> None:
    await open_sample(page, served)
    await page.evaluate("address => import(address).then(pages => pages.settled())", f"{served}/static/page.js")
    held = await hold(page, f"{served}/templates/**", "fetch")
    save(folder, "Open it", "Open now")
    await held.asked.wait()
    await page.get_by_role("link", name=re.compile("^Links")).click()
    await expect(page).to_have_url(re.compile("tab=links"))
    await expect(mail(page).get_by_role("link", name="Open now")).to_be_visible()
    held.go.set()


async def test_the_search_and_the_question_of_the_inbox_stay_while_mails_come(
    page: Page, served: str, captured: CapturedMails
) -> None:
    captured.add(bytes(captured_mail("The first", html="<p>Hello Ada</p>")))
    await page.goto(f"{served}/inbox")
    await expect(page.get_by_role("status")).to_have_text(re.compile("watching"))
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
