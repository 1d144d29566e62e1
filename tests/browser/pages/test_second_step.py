"""The second step in a browser: with scripts what was typed stays while a message goes to the phone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.browser.browsing import fill
from tests.browser.pages.screens import Screens
from tests.driver.inbox import text_in_file
from tests.driver.second_factors import BUILTIN, builtin_factors, enrol
from tests.driver.service import ADA, NEW_PASSWORD, Service, running, settings_for

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(loop_scope="session")
async def school(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    step = BUILTIN | {"sms": {"account": "AC1"}}
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    async with running(settings_for(database_url, second_step=step, mail=mail)) as school:
        await school.add(ADA, name="Ada")
        ada = await enrol(school)
        await builtin_factors(school).set_phone(ada.id, "+447700900123")
        await builtin_factors(school).mint_codes(ada.id)
        yield school


async def test_with_scripts_what_was_typed_stays_while_a_message_is_sent(
    screens: Screens, school: Service, tmp_path: Path
) -> None:
    async with screens.open(f"/reset-password/{await school.link()}") as page:
        await fill(page, NEW_PASSWORD, NEW_PASSWORD)
        code = page.get_by_label("Code", exact=True)
        for factor, keyboard in (("Recovery code", "text"), ("Text message to …23", "numeric")):
            await page.get_by_label(factor).check()
            await expect(code).to_have_attribute("inputmode", keyboard)
        send = page.get_by_role("button", name="Send a code to …23")
        await send.click()
        await expect(page.locator("#step-sent")).to_have_text("We sent a code to …23.")
        await expect(code).to_be_focused()
        await send.click()
        await expect(page.locator("#step-sent")).to_have_text("We couldn’t send a code. Wait a minute and try again.")
        (file,) = (tmp_path / "mail").glob("*.eml")
        await code.fill(text_in_file(file)[:6])
        await page.get_by_role("button", name="Save the new password").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
