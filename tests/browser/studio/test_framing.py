"""An open page, and a studio that was started again with another token."""

from dataclasses import replace

import pytest
from playwright.async_api import BrowserContext, expect
from tests.servers.serving import serving

from keyturn.studio.web.app import Studio, create_studio_app

pytestmark = pytest.mark.long


@pytest.mark.asyncio(loop_scope="session")
async def test_an_open_page_says_what_to_do_when_a_restarted_studio_refuses_it(
    context: BrowserContext, studio: Studio
) -> None:
    page = await context.new_page()
    with serving(create_studio_app(replace(studio, token="t" * 22))) as url:
        await page.goto(f"{url}/studio/templates/greeting?token={'t' * 22}")
        await expect(page.get_by_role("status")).to_have_text("watching email_templates")
        await context.clear_cookies()
        await page.reload()
        await expect(page.get_by_text("after a restart, open the new address")).to_be_visible()
        await page.goto(f"{url}/studio/templates/greeting?token={'t' * 22}")
        await page.route("**/studio/events", lambda route: route.fulfill(status=403))
        await page.reload()
        await expect(page.get_by_role("status")).to_contain_text("open the address with ?token=")
        await page.close()
        studio.stopping.set()
