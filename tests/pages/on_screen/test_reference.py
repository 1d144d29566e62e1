"""The API's description in a browser: each route can be tried there."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, expect
from tests.databases import SqliteFiles
from tests.driver.service import ADA, running, settings_for
from tests.pages.on_screen.screens import Screens
from tests.serving import serving_here

from keyturn.service.settings import InvitationSettings, Secret

KEY = "0123456789abcdef" * 2

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(loop_scope="session")
async def screens(browser: Browser, sqlite: SqliteFiles) -> AsyncIterator[Screens]:
    """Open pages of a whole service, which has the description."""
    url = await asyncio.to_thread(sqlite.migrated)
    inviting = InvitationSettings(service_key=Secret(KEY))
    async with running(settings_for(url, invitations=inviting)) as service, serving_here(service.app) as address:
        screens = Screens(browser, address)
        yield screens
    await asyncio.to_thread(sqlite.drop, url)
    assert screens.mishaps == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_route_is_asked_from_the_page_and_its_answer_is_shown(scheme: str, screens: Screens) -> None:
    async with screens.open("/schema", bypass_csp=True, color_scheme=scheme) as page:
        form = page.get_by_role("form", name="Try it: Request a link")
        await form.get_by_label("Body").fill(f'{{"email": "{ADA}"}}')
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("status")).to_contain_text(re.compile(r'^202.*"success": true', re.DOTALL))

        await form.get_by_label("Body").fill("{")
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("status")).to_contain_text("urn:keyturn:problem:invalid-input")

        form = page.get_by_role("form", name="Try it: Get the signed-in account")
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("status")).to_contain_text("urn:keyturn:problem:not-signed-in")

        await page.add_script_tag(path=AXE_FILE_PATH)
        found = await page.evaluate("axe.run({resultTypes: ['violations']})")
        assert [violation["id"] for violation in found["violations"]] == []


async def test_the_route_of_invitations_takes_the_service_key_and_its_example_is_copied(screens: Screens) -> None:
    async with screens.open("/schema") as page:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        form = page.get_by_role("form", name="Try it: Invite a user to choose a first password")
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("status")).to_contain_text("urn:keyturn:problem:service-key-refused")
        await form.get_by_label("Service key").fill(KEY)
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("status")).to_contain_text("202")
        curl = page.locator("article", has=form).locator("code.curl")
        await expect(curl).to_contain_text('-H "Authorization: Bearer $KEYTURN_INVITATIONS_SERVICE_KEY"')
        button = page.get_by_role("button", name="Copy: Invite a user to choose a first password")
        await button.click()
        await expect(button).to_have_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == await curl.text_content()

        await page.route("**/health/live", lambda route: route.abort())
        form = page.get_by_role("form", name="Try it: Check that the process answers")
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_role("status")).to_contain_text("No answer: ")
        await expect(form.get_by_role("button", name="Send")).to_be_enabled()
    assert screens.mishaps.pop().endswith("net::ERR_FAILED")


async def test_without_scripts_there_is_no_form_that_does_nothing(screens: Screens) -> None:
    async with screens.open("/schema", java_script_enabled=False) as page:
        await expect(page.get_by_role("heading", name="Example").first).to_be_visible()
        await expect(page.get_by_role("button", name="Send")).to_have_count(0)
