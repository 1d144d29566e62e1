"""A mail on its way out of the studio: for another brand, in another language, sent, and found again in the inbox."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.emails.studio.on_screen import mail, open_sample
from tests.serving import serving

from keyturn.emails.studio import Studio, create_studio_app
from keyturn.emails.studio.sending import MailProvider
from keyturn.languages import Languages
from keyturn.mail.rendering.palette import Palette
from keyturn.mail.rendering.render import branding
from keyturn.mail.sending.senders import CaptureSender

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.fixture
def served(studio: Studio, inbox: Path) -> Iterator[str]:
    library = {"Harbour Library": branding({"name": "Harbour Library"}, Palette())}
    gallery = replace(studio.gallery, brands=library, languages=Languages("UTC"))
    able = replace(studio, gallery=gallery, provider=MailProvider("capture", lambda: CaptureSender(inbox)))
    with serving(create_studio_app(able)) as url:
        yield f"{url}/studio"
        able.stopping.set()


async def test_a_mail_is_seen_for_another_brand_and_language_sent_and_found_again(
    page: Page, served: str, folder: Path
) -> None:
    text = (folder / "greeting/greeting.mjml").read_text()
    (folder / "greeting/greeting.mjml").write_text(text.replace("Hello", "{{ brand.name }}, {{ lang }}: hello"))
    await open_sample(page, served)
    await expect(mail(page).get_by_text("Northwind School, en: hello Ada")).to_be_visible()

    await page.locator("#options-summary").click()
    await page.get_by_role("link", name="Harbour Library").click()
    await expect(mail(page).get_by_text("Harbour Library, en: hello Ada")).to_be_visible()
    await page.locator("#options-summary").click()
    await page.get_by_role("link", name="Deutsch").click()
    await expect(mail(page).get_by_text("Harbour Library, de: hello Ada")).to_be_visible()

    await page.get_by_role("link", name="Send me this").click()
    await page.get_by_label("To", exact=True).fill("designer@northwind.example")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("heading", name="Sent to designer@northwind.example")).to_be_visible()

    await page.get_by_role("link", name="inbox", exact=True).click()
    row = page.locator(".captured").get_by_role("link", name="[Preview] Welcome, Ada")
    await expect(row).to_be_visible()
    search = page.get_by_role("searchbox", name="Search the inbox")
    await search.fill("invoice")
    await search.press("Enter")
    await expect(page.get_by_text("No mail matches “invoice”")).to_be_visible()
    await search.fill("welcome designer@")
    await search.press("Enter")
    await row.click()
    await expect(page.frame_locator(".paper iframe").get_by_text("Harbour Library, de: hello Ada")).to_be_visible()
