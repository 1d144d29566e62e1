"""The security settings in a browser: a second step is set up by its QR code, and another device is signed out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Page, expect
from tests.pages.on_screen.screens import Screens
from tests.pages.on_screen.test_second_step import AXE
from tests.pages.school import ADA, PASSWORD, SECRET, School, opened, settings_for
from tests.spec.second_factors import BUILTIN, STEP, code_of, wrong_code

from keyturn.reset.proofs.second_step.totp import seed_of_base32
from keyturn.settings import Secret

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(loop_scope="session")
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(settings_for(tmp_path, second_step=BUILTIN, secret_key=Secret(SECRET))) as school:
        await school.add(name="Ada")
        yield school


async def sign_in(page: Page) -> None:
    await page.get_by_label("Email").fill(ADA)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Security settings")).to_be_visible()


async def no_violations(page: Page) -> None:
    await page.add_script_tag(path=AXE_FILE_PATH)
    assert (await page.evaluate(AXE))["violations"] == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_user_sets_up_an_app_and_removes_it(scripts: bool, screens: Screens) -> None:
    async with screens.open(java_script_enabled=scripts) as page:
        await sign_in(page)
        await page.get_by_role("link", name="Set up a second step").click()
        await page.get_by_label("Current password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Continue").click()
        picture = page.get_by_role("img", name="QR code for an authenticator app")
        await expect(picture.locator("svg")).to_be_visible()
        seed = seed_of_base32(await page.locator("code").inner_text())
        field = page.get_by_label("Code from the app")
        await expect(field).to_be_focused()
        await field.fill(wrong_code(seed))
        await page.get_by_role("button", name="Turn on the second step").click()
        await expect(field).to_have_accessible_description(
            "This code is wrong. Check that the time on your phone is right."
        )
        await field.fill(code_of(seed))
        await page.get_by_role("button", name="Turn on the second step").click()
        await expect(page.locator(".codes li")).to_have_count(10)
        await page.get_by_role("link", name="Done").click()
        await expect(page.get_by_text("Recovery codes left: 10")).to_be_visible()

        await page.get_by_role("link", name="Change the second step").click()
        await page.get_by_label("Current password", exact=True).fill(PASSWORD)
        await page.get_by_label("Code from your app, or a recovery code").fill(code_of(seed, STEP))
        await page.get_by_role("button", name="Remove the second step").click()
        await expect(page.get_by_role("status")).to_have_text("A password reset no longer needs a code.")


async def test_another_device_is_signed_out_from_this_one(screens: Screens) -> None:
    async with screens.open() as there, screens.open() as here:
        for page in (there, here):
            await sign_in(page)
        devices = here.get_by_role("region", name="Signed-in devices")
        await expect(devices.get_by_text("This device")).to_be_visible()
        await devices.get_by_role("button", name="Sign out", exact=True).click()
        await expect(here.get_by_role("status")).to_have_text("The device was signed out.")
        await there.reload()
        await expect(there.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_the_pages_have_no_violation_of_accessibility(screens: Screens) -> None:
    async with screens.open(bypass_csp=True) as page:
        await sign_in(page)
        await no_violations(page)
        await page.get_by_role("link", name="Set up a second step").click()
        await page.get_by_label("Current password", exact=True).fill(PASSWORD)
        await no_violations(page)
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_label("Code from the app")).to_be_visible()
        await no_violations(page)
