"""Elements that take a user name, and that lead to the address that the request named."""

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.app import FORGOT, RESET, App, beside, link_mailed
from tests.driver.service import ADA, NEW_PASSWORD

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

TABLE = {"table": "keyturn_accounts", "identifiers": ["email", "name"], "active": "active"}


async def test_a_user_name_gets_a_link_that_leads_back(app: App, sqlite_url: str) -> None:
    named_users = {"accounts": {"store": "table", "table": TABLE}, "return_origins": (app.address,)}
    back = f"{app.address}/login?from=reset"
    async with beside(app, sqlite_url) as service:
        await service.add(ADA, name="ada.l")
    app.pages = {"forgot": FORGOT.replace(" sign-in", f' return-to="{back}" sign-in'), "reset": RESET, "login": "Hello"}
    async with (
        beside(app, sqlite_url, **named_users, sign_in_url=f"{app.address}/login") as named,
        app.open("/forgot") as page,
    ):
        field = page.get_by_label("Email or username")
        await expect(field).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_text("or your username.")).to_be_visible()
        await field.fill("ADA.L")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("If an account exists for ADA.L, a link is on its way.")).to_be_visible()

        await page.goto(await link_mailed(named, ADA))
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
        await page.get_by_role("link", name="Continue").click()
        await expect(page).to_have_url(back)
