"""The story in a browser with nothing but a keyboard."""

import pytest
from playwright.async_api import Page, expect
from tests.browser.pages.screens import Screens
from tests.driver.service import ADA, NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_with_a_keyboard_alone(screens: Screens, school: Service) -> None:
    async with screens.open("/forgot-password") as page:
        await page.keyboard.type(ADA)  # the field has the focus
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()

        await page.goto(f"/reset-password/{await school.link()}")
        await page.keyboard.type(NEW_PASSWORD)
        await tab_to(page, "New password: Show")
        await page.keyboard.press("Space")
        await expect(page.get_by_label("New password", exact=True)).to_have_attribute("type", "text")
        await tab_to(page, "Repeat the new password")
        await page.keyboard.type(NEW_PASSWORD)
        await tab_to(page, "Save the new password")
        await page.keyboard.press("Enter")

        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await page.keyboard.type(NEW_PASSWORD)  # the address is known, and the field has the focus
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Security settings")).to_be_visible()


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the thing of that name has the focus, which must be visible on it."""
    for _ in range(10):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        label = await focused.evaluate("e => (e.labels?.[0] ?? e).textContent.trim().replace(/\\s+/g, ' ')")
        if label == name:
            assert await focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
            return
    raise AssertionError(f"no Tab leads to {name}")
