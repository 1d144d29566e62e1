"""The contact sheet: mails are loaded as one scrolls to them, and all are there on paper."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.studio.web.fixtures import save

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_mails_are_loaded_where_they_are_looked_at_as_tall_as_they_are_and_follow_a_save(
    page: Page, served: str, folder: Path
) -> None:
    for number in range(20):
        (folder / f"more_{number:02}.html").write_text("<title>More</title><p>Hello</p>")
    await page.goto(f"{served}/sheet?width=600&scheme=light&samples=all")
    await expect(page.get_by_role("status")).to_have_text("watching email_templates")
    first, last = page.locator(".thumb").first, page.locator(".thumb").last
    await expect(first).to_have_js_property("clientWidth", 300)
    await page.wait_for_function("document.querySelector('.thumb').clientHeight > 700")
    assert await last.evaluate("thumb => thumb.firstElementChild.contentDocument.URL") == "about:blank"
    await last.scroll_into_view_if_needed()
    await expect(last.frame_locator("iframe").get_by_text("The heating is back")).to_be_visible()

    save(folder, "Hello", "Goodbye")
    await expect(first.frame_locator("iframe").get_by_text("Goodbye Ada")).to_be_attached()

    await page.get_by_role("checkbox", name="Dark").check()
    await expect(page).to_have_url(f"{served}/sheet?width=600&scheme=light&scheme=dark&samples=all")
    await expect(page.get_by_role("checkbox", name="Dark")).to_be_focused()
