"""<keyturn-forgot> asks for a link to the second address, where the service has second addresses."""

from datetime import timedelta

import pytest
from playwright.async_api import expect
from sqlalchemy import select
from tests.databases import SqliteFiles
from tests.frontend.app import FORGOT, App, beside
from tests.spec.service import ADA

from keyturn.outbox.models import OutboxRow
from keyturn.settings import SecondAddressSettings, TokenSettings

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

BOX = "Send the link to my second address"
ON = SecondAddressSettings(enabled=True, wait=timedelta(0))


@pytest.mark.parametrize("light", ["", " light"])
async def test_a_ticked_box_asks_for_the_second_address_and_a_plain_request_may_follow_at_once(
    app: App, sqlite: SqliteFiles, light: str
) -> None:
    app.pages["forgot"] = FORGOT.replace(" sign-in", f" code{light} sign-in")
    async with (
        beside(app, sqlite.migrated(), second_address=ON, token=TokenSettings(code=True)) as service,
        app.open("/forgot") as page,
    ):
        box = page.get_by_role("checkbox", name=BOX)
        await expect(box).to_have_accessible_description("Enter your account’s own address, not the second one.")
        await page.get_by_label("Email", exact=True).fill(ADA)
        await box.check()
        await page.get_by_role("button", name="Send the link").click()
        said = f"If the account of {ADA} has a second address, a link is on its way there."
        await expect(page.get_by_text(said)).to_be_visible()
        await expect(page.get_by_label("Code from the email")).to_have_count(0)

        await page.get_by_role("button", name="Use another address").click()
        await expect(box).not_to_be_checked()
        await page.get_by_label("Email", exact=True).fill(ADA)
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_text(f"If an account exists for {ADA}, a link is on its way.")).to_be_visible()
        payloads = [row["payload"] for row in await service.rows(select(OutboxRow.payload).order_by(OutboxRow.id))]
        assert ['"to":"second"' in str(payload) for payload in payloads] == [True, False]


async def test_without_second_addresses_there_is_no_box(app: App, sqlite: SqliteFiles) -> None:
    app.pages["forgot"] = FORGOT
    async with beside(app, sqlite.migrated()), app.open("/forgot") as page:
        await expect(page.get_by_label("Email", exact=True)).to_be_visible()
        await expect(page.get_by_role("checkbox")).to_have_count(0)
