"""After a reset, the page leads back to the address that the request named."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect
from tests.browsing import choose
from tests.driver.inbox import token_in
from tests.driver.service import ADA, NEW_PASSWORD, running, settings_for
from tests.frontend.app import App
from tests.pages.on_screen.screens import Screens
from tests.serving import serving_here

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_with_after_reset_the_browser_is_there_at_once(
    scripts: bool, browser: Browser, database_url: str
) -> None:
    site = App(browser)
    site.pages = {"welcome": "<h1>Welcome back</h1>"}
    async with serving_here(site) as here:
        app = here.replace("127.0.0.1", "localhost")
        returns: Any = {"return_origins": (app,), "sign_in_url": f"{app}/login", "after_reset": "sign_in"}
        async with running(settings_for(database_url, **returns)) as service, serving_here(service.app) as address:
            await service.add(ADA, name="Ada")
            start = f"/forgot-password?return_to={app}/welcome"
            async with Screens(browser, address).open(start, java_script_enabled=scripts) as page:
                await page.get_by_label("Email").fill(ADA)
                await page.get_by_role("button", name="Send the link").click()
                await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
                await service.deliver()
                await page.goto(f"/reset-password/{token_in(service.inbox.mails[-1])}")
                await choose(page, NEW_PASSWORD, NEW_PASSWORD)
                await expect(page).to_have_url(f"{app}/welcome")
