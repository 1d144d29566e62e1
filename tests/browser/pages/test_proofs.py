"""A challenge in a browser, under the pages' own policy."""

import re

import pytest
from playwright.async_api import Browser, expect
from tests.browser.pages.screens import Screens
from tests.driver.service import ADA, running, settings_for
from tests.servers.serving import serving_here
from tests.spec.pages.school import asked

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

FORGOT = "/forgot-password"
SENT = re.compile("Check your email")


async def test_a_puzzle_that_does_not_come_is_told_and_one_that_comes_is_solved_also_for_a_form_sent_early(
    browser: Browser, database_url: str
) -> None:
    settings = settings_for(database_url, challenge={"method": "altcha"})
    async with (
        running(settings) as school,
        serving_here(school.app) as address,
        Screens(browser, address).open(FORGOT) as page,
    ):
        await page.get_by_label("Email").fill(ADA)
        await page.route("**/challenge", lambda route: route.abort())
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_text("The check failed. Try again.")).to_be_visible()
        assert await asked(school) == []
        await page.unroute("**/challenge")
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("heading", name=SENT)).to_be_visible()
        assert await asked(school) == [ADA]
