"""The panels beside the mail: each closes by a button or a key, and stays closed."""

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="session")]


async def test_a_closed_panel_leaves_its_room_to_the_mail_on_all_pages(page: Page, served: str) -> None:
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(f"{served}/templates/greeting")
    main, list_, details = (page.locator(place) for place in ("main", ".list", ".details"))
    await expect(main).to_have_js_property("clientWidth", 840)

    await page.get_by_role("button", name="Details").click()
    await expect(details).to_be_hidden()
    await expect(main).to_have_js_property("clientWidth", 1200)
    await page.keyboard.press("[")
    await expect(list_).to_be_hidden()
    await expect(main).to_have_js_property("clientWidth", 1440)

    await page.goto(f"{served}/sheet")
    await expect(list_).to_be_hidden()
    await page.goto(f"{served}/templates/notice")
    await expect(page.get_by_role("button", name="List")).to_have_attribute("aria-pressed", "false")
    await page.get_by_role("button", name="List").click()
    await page.keyboard.press("]")
    await expect(list_).to_be_visible()
    await expect(details).to_be_visible()
