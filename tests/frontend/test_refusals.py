"""What goes wrong is told where it went wrong, and nothing that was typed is lost."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import expect
from tests.databases import SqliteFiles
from tests.frontend.app import CHANGE, FORGOT, App, beside, link_mailed
from tests.frontend.test_the_story import HEARD, choose
from tests.spec.service import NEW_PASSWORD, Service

from keyturn.settings import LimitSettings, TokenSettings

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


@pytest.mark.usefixtures("keyturn")
async def test_a_malformed_address_is_told_at_its_field(app: App) -> None:
    async with app.open("/forgot") as page:
        field = page.get_by_label("Email")
        for typed in ("", "ada@"):
            await field.fill(typed)
            await expect(field).not_to_have_attribute("aria-invalid", "true")
            await page.keyboard.press("Enter")
            await expect(field).to_have_accessible_description("Enter a whole address, like name@example.org.")
            await expect(field).to_have_attribute("aria-invalid", "true")
            await expect(field).to_be_focused()
            await expect(field).to_have_value(typed)


async def test_who_sends_with_enter_asks_once(app: App, keyturn: Service) -> None:
    ida = (await keyturn.add("ida@northwind.test")).email
    await keyturn.ask(ida)
    async with app.open(await link_mailed(keyturn, ida)) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        await page.get_by_label("Again", exact=True).fill(NEW_PASSWORD)
        await page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
    assert "reset-password" in asked
    assert "check-password" not in asked


async def test_a_password_that_is_not_accepted_can_be_mended(app: App, keyturn: Service) -> None:
    wendy = (await keyturn.add("wendy@northwind.test")).email
    await keyturn.ask(wendy)
    async with app.open(await link_mailed(keyturn, wendy)) as page:
        field, again = page.get_by_label("New password", exact=True), page.get_by_label("Again", exact=True)
        length, meter = page.get_by_text("at least 12 characters"), page.get_by_role("meter")
        await field.fill("eleven char")
        await expect(length).not_to_have_attribute("part", "rule met")
        await expect(meter).to_have_attribute("aria-valuetext", "weak")
        await choose(page, "short", "short")
        await expect(field).to_have_accessible_description(
            "Not met yet: at least 12 characters. at least 12 characters – not met yet the same in both fields – met "
            "not one of the common passwords – not met yet not your address or the name of the site – not met yet"
        )
        await choose(page, NEW_PASSWORD, "another password")
        await expect(length).to_have_attribute("part", "rule met")
        await expect(meter).to_have_attribute("aria-valuetext", "strong")
        await expect(page.get_by_role("status")).to_have_text("Rules met: 3 of 4. Strength, roughly: strong.")
        await expect(again).to_be_focused()
        await expect(again).to_have_accessible_description("The two passwords are not the same.")
        # What only the service knows, and says before anything is sent.
        common = page.get_by_role("listitem").filter(has_text="not one of the common passwords")
        await expect(common).to_have_attribute("part", "rule later met")
        await field.fill("correcthorsebatterystaple")
        await expect(common).to_have_attribute("part", "rule later")
        await expect(meter).to_have_attribute("aria-valuetext", "good")
        await field.blur()
        await expect(page.get_by_text("Not met yet: not one of the common passwords.")).to_be_visible()
        await expect(meter).to_have_attribute("aria-valuetext", "weak")
        await choose(page, "password1234", "password1234")
        await expect(page.get_by_text("Not met yet: not one of the common passwords.")).to_be_visible()
        await expect(field).to_be_focused()
        await expect(field).to_have_value("password1234")
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()


async def test_a_screen_reader_hears_which_rules_are_met_and_how_strong_a_password_is(
    app: App, keyturn: Service
) -> None:
    nora = (await keyturn.add("nora@northwind.test")).email
    async with app.open(f"/reset?token={await keyturn.link(nora)}") as page:
        field, said = page.get_by_label("New password", exact=True), page.get_by_role("status")
        rules = page.get_by_role("list")
        await expect(rules).to_match_aria_snapshot("""
            - list:
              - listitem: at least 12 characters – not met yet
              - listitem: the same in both fields – not met yet
              - listitem: not one of the common passwords – not met yet
              - listitem: not your address or the name of the site – not met yet
        """)
        await expect(said).to_be_empty()
        await field.fill("correcthorsebatterystaple")
        await field.blur()
        await expect(page.locator("form")).to_match_aria_snapshot("""
            - meter "Strength, roughly"
            - list:
              - listitem: at least 12 characters – met
              - listitem: the same in both fields – not met yet
              - listitem: not one of the common passwords – not met yet
              - listitem: not your address or the name of the site – not met yet
            - status: "Rules met: 1 of 4. Strength, roughly: weak."
        """)
        strokes = "rule => ['::before', '::after'].map(part => getComputedStyle(rule, part).borderTopStyle)"
        assert await rules.get_by_text("not one of the common").evaluate(strokes) == ["solid", "solid"]


async def test_a_link_that_dies_while_somebody_thinks_is_told(app: App, keyturn: Service) -> None:
    lena = (await keyturn.add("lena@northwind.test")).email
    token = await keyturn.link(lena)
    async with app.open(f"/reset?token={token}") as page:
        await page.evaluate(HEARD)
        await expect(page.get_by_label("Again", exact=True)).to_be_visible()
        await keyturn.reset(token, "somebody was faster")
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="This reset link has already been used")).to_be_focused()
        assert ["keyturn-error", "used"] in await page.evaluate("heard")
    async with app.open("/reset?token=nonsense") as page:
        await expect(page.get_by_role("alert")).to_have_text(
            "This reset link is invalid or has expired. Please request a new one."
        )


async def test_an_expired_link_is_told(app: App, sqlite: SqliteFiles) -> None:
    async with beside(app, sqlite.migrated(), token=TokenSettings(ttl=timedelta(0))) as service:
        await service.add("ed@northwind.test")
        async with app.open(f"/reset?token={await service.link('ed@northwind.test')}") as page:
            await expect(page.get_by_role("alert")).to_have_text("A link works for 0 days. Please request a new one.")


async def test_who_asks_too_often_is_told_when_to_come_back(app: App, sqlite: SqliteFiles) -> None:
    async with beside(app, sqlite.migrated(), limits=LimitSettings(request="1/minute")), app.open("/forgot") as page:
        field, send = page.get_by_label("Email"), page.get_by_role("button", name="Send the link")
        await field.fill("rita@northwind.test")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Use another address").click()
        await field.fill("rita@northwind.example")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("Too many requests\nTry again in", use_inner_text=True)
        await expect(field).to_have_value("rita@northwind.example")
        await expect(field).to_be_focused()
        await expect(send).to_have_attribute("aria-disabled", "true")
        await expect(page.get_by_text(re.compile(r"^Request it again in [01]:\d\d\.$"))).to_be_visible()


async def test_without_a_connection_nothing_is_lost(app: App, keyturn: Service) -> None:
    olga = (await keyturn.add("olga@northwind.test")).email
    link = await keyturn.link(olga)
    async with app.open("/forgot") as page:
        await page.get_by_label("Email").fill(olga)
        await page.context.set_offline(True)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("The service cannot answer at the moment.")
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
        await expect(page.get_by_role("alert")).to_have_text("The service cannot answer at the moment.")
        await page.context.set_offline(False)
        await retry.click()
        await expect(page.locator("#error")).to_be_empty()
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()


@pytest.mark.usefixtures("keyturn")
async def test_an_origin_that_is_not_on_the_list_is_told_that_nothing_answers(app: App) -> None:
    app.pages["elsewhere"] = f'<section lang="ar" dir="rtl">{FORGOT}</section>'
    async with app.open(f"http://127.0.0.1:{app.address.rpartition(':')[2]}/elsewhere") as page:
        alert = page.get_by_role("alert")
        await expect(alert).to_have_text("The service cannot answer at the moment.")
        await expect(page.get_by_role("heading", name="This form could not be loaded")).to_be_visible()
        # No word of the page's language is there yet.
        assert await alert.evaluate("alert => alert.closest('[lang]').lang") == "en"
        assert await alert.evaluate("alert => getComputedStyle(alert).direction") == "ltr"
    assert app.mishaps
    assert all("blocked by CORS policy" in text for text in app.mishaps)
    app.mishaps.clear()


@pytest.mark.usefixtures("keyturn")
async def test_a_card_that_nobody_gave_an_address_tells_its_developer(app: App) -> None:
    app.pages["nobodys"] = CHANGE.replace(' email="{email}"', "")
    async with app.open("/nobodys") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method))
        button = page.locator("[part=button]")
        await expect(button).to_have_attribute("aria-disabled", "true")
        await button.click(force=True)
        await expect(page.locator("#error")).to_be_empty()
        assert "POST" not in asked
    assert any('the attribute "email" is missing' in text for text in app.mishaps)
    app.mishaps.clear()


@pytest.mark.usefixtures("keyturn")
async def test_words_that_are_no_json_are_named_and_left_out(app: App) -> None:
    app.pages["worded"] = FORGOT.replace(" url", " texts='{send:1' url")
    async with app.open("/worded") as page:
        await expect(page.get_by_role("button", name="Send the link")).to_be_visible()
    assert any('the attribute "texts" is not JSON' in text for text in app.mishaps)
    app.mishaps.clear()
