"""The whole story in a browser: with scripts, without them, and with nothing but a keyboard."""

import pytest
from playwright.async_api import Page, expect
from tests.browsing import choose
from tests.driver.service import ADA, NEW_PASSWORD, Service
from tests.pages.on_screen.screens import Screens
from tests.pages.school import asked

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_from_the_forgotten_password_to_the_settings(scripts: bool, screens: Screens, school: Service) -> None:
    async with screens.open(java_script_enabled=scripts) as page:
        await page.get_by_role("link", name="Forgot password?").click()
        await page.get_by_label("Email").fill(ADA)
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        await expect(page.get_by_text("You can request it again in")).to_be_visible()
        assert await asked(school) == [ADA]

        await page.goto(f"/reset-password/{await school.link()}")
        assert page.url == f"{screens.address}/reset-password"
        if not scripts:  # there is nothing that only they can work
            await expect(page.locator("main").get_by_role("button")).to_have_count(1)
            await expect(page.get_by_role("meter")).to_have_count(0)
            await expect(page.get_by_text("at least 12 characters")).to_be_visible()
            await expect(page.get_by_text("the same in both fields")).to_be_hidden()
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("status")).to_have_text(
            "Your password was changed. Sign in with your new password."
        )

        await page.get_by_label("Email").fill(ADA)
        await page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_url(f"{screens.address}/viewer-settings/security")
        await page.get_by_role("button", name="Request password change").click()
        await expect(page.get_by_role("status")).to_have_text(
            "We’ve sent a password reset link to your email. Please check your inbox to continue."
        )
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_have_text("You are signed out.")


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
