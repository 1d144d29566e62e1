"""What goes wrong is told where it went wrong, and nothing that was typed is lost."""

import re

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.conftest import App, beside, link_mailed
from tests.browser.elements.test_the_story import HEARD
from tests.driver.database import lose_outbox
from tests.driver.service import NEW_PASSWORD, Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_a_password_that_is_not_accepted_can_be_corrected(app: App, keyturn: Service) -> None:
    wendy = (await keyturn.add("wendy@northwind.test")).email
    await keyturn.ask(wendy)
    async with app.open(await link_mailed(keyturn, wendy)) as page:
        field, again = (
            page.get_by_label(f"{name} password", exact=True) for name in ("New", "Repeat the new")
        )
        length, common = (
            page.get_by_role("listitem").filter(has_text=text)
            for text in ("at least 12", "not a common")
        )
        meter = page.get_by_role("meter")
        await field.fill("eleven char")
        await expect(meter).to_have_attribute("aria-valuetext", "weak")
        await choose(page, "short", "short")
        await expect(field).to_have_accessible_description(
            "Not met yet: at least 12 characters. at least 12 characters – not met yet not a "
            "common password – "
            "not met yet not your address or the name of the site – not met yet"
        )
        await expect(length).to_have_attribute("part", "rule broken")
        await choose(page, NEW_PASSWORD, "another password")
        await expect(length).to_have_attribute("part", "rule met")
        await expect(page.get_by_role("status")).to_have_text(
            "Rules met: 3 of 4. Estimated strength: strong."
        )
        await expect(again).to_be_focused()
        await expect(again).to_have_accessible_description("The two passwords don’t match.")
        # What only the service knows, and says before anything is sent.
        await expect(common).to_have_attribute("part", "rule later met")
        await field.fill("correcthorsebatterystaple")
        await expect(common).to_have_attribute("part", "rule later")
        await field.blur()
        await expect(page.get_by_text("Not met yet: not a common password.")).to_be_visible()
        await expect(meter).to_have_attribute("aria-valuetext", "weak")
        await choose(page, "password1234", "password1234")
        await expect(field).to_be_focused()
        await expect(field).to_have_value("password1234")
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()


async def test_an_expired_link_is_replaced_by_one_press(app: App, sqlite_url: str) -> None:
    async with beside(app, sqlite_url) as service:
        ed = (await service.add("ed@northwind.test")).email
        token = await service.link(ed)
        service.let_time_pass(minutes=30)
        async with app.open(f"/reset?token={token}") as page:
            await page.evaluate(HEARD)
            await expect(page.get_by_role("link")).to_have_text(
                ["Use another address", "Back to sign-in"]
            )
            await page.get_by_role("button", name="Send a new link to e***@northwind.test").click()
            await expect(page.get_by_role("heading", name="Check your email")).to_be_focused()
            await expect(
                page.get_by_text("If an account exists for e***@northwind.test")
            ).to_be_visible()
            assert ed not in await page.locator("keyturn-reset").inner_text()
            assert ["keyturn-sent", "e***@northwind.test"] in await page.evaluate("heard")
        async with app.open(f"/reset?token={token}") as page:
            await expect(page.get_by_role("link", name="Request a new link")).to_be_visible()
            await expect(page.get_by_role("button", name="Send a new link")).to_have_count(0)
        async with app.open(await link_mailed(service, ed)) as page:
            await expect(page.get_by_label("New password", exact=True)).to_be_visible()


async def test_without_a_connection_nothing_is_lost(app: App, keyturn: Service) -> None:
    olga = (await keyturn.add("olga@northwind.test")).email
    link = await keyturn.link(olga)
    async with app.open("/forgot") as page:
        await page.get_by_label("Email").fill(olga)
        await page.context.set_offline(True)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text(
            "The service is not available right now."
        )
        # An element that appears while nothing answers offers to try again, and keeps the link.
        await page.evaluate(
            "([url, token]) => { const reset = document.createElement('keyturn-reset');"
            "reset.setAttribute('url', url); reset.setAttribute('token', token);"
            "document.querySelector('keyturn-forgot').replaceWith(reset) }",
            [app.keyturn, link],
        )
        retry = page.get_by_role("button", name="Try again")
        await retry.click()
        await expect(retry).not_to_have_attribute("aria-busy", "true")
        await expect(page.get_by_role("alert")).to_have_text(
            "The service is not available right now."
        )
        await page.context.set_offline(False)
        await retry.click()
        await expect(page.locator("#error")).to_be_empty()
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()


async def test_who_asks_too_often_is_told_when_to_come_back_and_a_fault_has_a_reference(
    app: App, sqlite_url: str
) -> None:
    async with (
        beside(app, sqlite_url, limits={"request": "1/minute"}) as service,
        app.open("/forgot") as page,
    ):
        field, send = page.get_by_label("Email"), page.get_by_role("button", name="Send the link")
        await field.fill("rita@northwind.test")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Use another address").click()
        await field.fill("rita@northwind.example")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text(
            "Too many requests"
        )  # the countdown has the time
        await expect(field).to_have_value("rita@northwind.example")
        await expect(field).to_be_focused()
        await expect(send).to_have_attribute("aria-disabled", "true")
        again = re.compile(r"^You can request it again in \d+ (seconds?|minutes?)\.$")
        await expect(page.get_by_text(again)).to_be_visible()

        service.let_time_pass(minutes=1)
        await lose_outbox(service)
        await page.reload()
        await field.fill("olga@northwind.test")
        async with page.expect_response(lambda answer: answer.status == 503) as answered:
            await page.keyboard.press("Enter")
        reference = (await (await answered.value).json())["instance"].rpartition(":")[2]
        await expect(page.get_by_role("alert")).to_contain_text(f"Reference: {reference}")
