"""The second step in an app's own page: it appears once it is asked for, and nothing that was typed is lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.app import App, beside, link_mailed
from tests.driver.inbox import text_in_file
from tests.driver.second_factors import BUILTIN, enrol, wrong_code
from tests.driver.service import ADA, NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(app: App, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """Run a service in which Ada has every factor."""
    step = BUILTIN | {"sms": {"account": "AC1"}}
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    async with beside(app, sqlite_url, second_step=step, mail=mail, limits={"request": "100/minute"}) as service:
        await service.add(ADA)
        await enrol(service)
        await service.operator.set_phone(ADA, "+447700900123")
        await service.operator.renew_recovery_codes(ADA)
        yield service


async def test_a_code_is_asked_for_once_the_password_is_fine_and_completes_it(
    app: App, guarded: Service, tmp_path: Path
) -> None:
    await guarded.ask(ADA)
    async with app.open(await link_mailed(guarded, ADA)) as page:
        code = page.get_by_label("Code", exact=True)
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(code).to_be_focused()
        await expect(code).to_have_attribute("autocomplete", "one-time-code")
        await page.keyboard.press("Enter")
        await expect(code).to_have_accessible_description("Enter a code.")
        await code.fill(wrong_code())
        await page.keyboard.press("Enter")
        await expect(code).to_have_accessible_description(
            "This code is wrong, or was used before. You have 4 more attempts."
        )
        await page.get_by_label("Recovery code").check()
        await expect(code).to_have_attribute("inputmode", "text")
        await expect(code).to_have_attribute("autocomplete", "off")
        send = page.get_by_role("button", name="Send a code to …23")
        await expect(send).to_be_hidden()
        await page.get_by_label("Text message to …23").check()
        await send.click()
        await expect(page.get_by_text("We sent a code to …23.")).to_be_visible()
        await expect(page.get_by_label("New password", exact=True)).to_have_value(NEW_PASSWORD)
        (file,) = (tmp_path / "mail").glob("*.eml")
        await code.fill(text_in_file(file)[:6])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
    assert await guarded.knows(NEW_PASSWORD)
