"""The data in a real browser: what the user types is rendered at once, and no update disturbs the
typing.
"""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect
from tests.browser.studio.conftest import mail, watched
from tests.studio.web.orders import order_studio

from keyturn.studio.web.app import Studio

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


async def open_order(page: Page, served: str) -> None:
    await page.goto(f"{served}/templates/order?sample=lamp")
    await watched(page)


def edited(values: object) -> Callable[[str], bool]:
    """Return whether an address has this edit."""
    return lambda url: json.loads(parse_qs(urlsplit(url).query).get("edit", ["{}"])[0]) == values


async def test_typing_renders_the_mail_and_keeps_focus_caret_scroll_and_one_step_of_history(
    page: Page, served: str
) -> None:
    await open_order(page, served)
    steps = await page.evaluate("history.length")
    title = page.get_by_role("group", name="items").get_by_label("title")
    await title.scroll_into_view_if_needed()
    where = await page.locator(".detail").evaluate("detail => detail.scrollTop")
    await title.focus()
    await title.press("Home")
    await page.keyboard.type("Big ", delay=40)
    await expect(mail(page).get_by_text("Big Lamp 42.5;")).to_be_visible()
    await page.keyboard.type("old ", delay=40)
    await expect(mail(page).get_by_text("Big old Lamp 42.5;")).to_be_visible()
    await expect(title).to_be_focused()
    assert await title.evaluate("title => title.selectionStart") == len("Big old ")
    assert await page.locator(".detail").evaluate("detail => detail.scrollTop") == where
    await page.wait_for_url(
        edited({"items": [{"title": "Big old Lamp", "price": 42.5, "when": None}]})
    )
    assert await page.evaluate("history.length") == steps + 1

    await page.get_by_role("link", name="Reset all").click()
    await expect(title).to_have_value("Lamp")
    await page.go_back()
    await expect(title).to_have_value("Big old Lamp")


async def test_what_does_not_fit_is_announced_while_the_last_good_mail_stays_and_items_come_and_go(
    page: Page, served: str
) -> None:
    await open_order(page, served)
    price, told = page.get_by_label("price"), page.get_by_role("alert")
    await price.fill("1000")
    await expect(told).to_contain_text("One value is not valid.")
    await expect(told).to_contain_text("Enter 100 or less.")
    await expect(price).to_have_accessible_description("Enter 100 or less.")
    await expect(price).to_be_focused()
    await expect(mail(page).get_by_text("Lamp 42.5;")).to_be_visible()
    await price.fill("42.5")
    await expect(told).to_be_hidden()

    items = page.get_by_role("group", name="items")
    await expect(items.get_by_role("button", name="Remove")).to_have_count(0)
    await items.get_by_role("button", name="Add to items").click()
    await expect(items.get_by_label("title").nth(1)).to_have_value("Lamp")
    await items.get_by_label("title").nth(1).fill("Shade")
    await items.get_by_role("button", name="Remove 1").click()
    shade = {"title": "Shade", "price": 42.5, "when": None}
    await page.wait_for_url(edited({"items": [shade]}))
    await items.get_by_role("button", name="Add to items").click()
    await page.wait_for_url(edited({"items": [shade, shade]}))
    await items.get_by_role("button", name="Add to items").click()
    await expect(items.get_by_label("title")).to_have_count(3)
    await expect(items.get_by_role("button", name="Add to items")).to_have_count(0)
