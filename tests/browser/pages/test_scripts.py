"""What scripts add: ticks, words before a form is sent in vain, links with a fragment, puzzles, and
codes by phone.
"""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Request, Route, expect
from tests.browser.browsing import choose, fill
from tests.browser.pages.screens import Screens
from tests.driver.inbox import text_in_file
from tests.driver.second_factors import BUILTIN, enrol
from tests.driver.service import ADA, NEW_PASSWORD, Service, running, settings_for
from tests.servers.serving import serving_here
from tests.spec.pages.school import asked

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


def posted_from(page: Page) -> list[str]:
    """Return a list that grows with each form that is sent: what the address bar said when it
    was.
    """
    addresses: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.is_navigation_request():
            addresses.append(page.url)

    page.on("request", note)
    return addresses


async def test_rules_are_ticked_and_told_while_somebody_types_and_the_server_has_the_last_word(
    page: Page,
) -> None:
    rules, said = page.locator("#rules"), page.get_by_role("status")
    meter, field = page.get_by_role("meter"), page.get_by_label("New password", exact=True)
    length, common = (
        rules.get_by_role("listitem").filter(has_text=text)
        for text in ("at least 12", "not a common")
    )
    await expect(length).to_have_text("at least 12 characters – not met yet")
    for typed, strength, long_enough in (
        ("", "empty", 0),
        ("🌲" * 11, "weak", 0),
        ("a" * 16, "weak", 1),
    ):
        await fill(page, typed)
        await expect(meter).to_have_attribute("aria-valuetext", strength)
        await expect(length).to_have_class("met" if long_enough else "")
    await fill(page, "correcthorsebatterystaple", "correcthorsebatterystaple")
    await expect(said).to_have_text("Rules met: 2 of 4. Estimated strength: weak.")
    await expect(common).to_have_class("later broken")
    await expect(page.locator("#password-error")).to_have_text(
        "Not met yet: not a common password."
    )
    await field.fill(NEW_PASSWORD)
    await expect(page.locator("#password-error")).to_be_empty()
    await expect(common).to_have_class("later")
    await expect(meter).to_have_attribute("aria-valuetext", "good")
    await fill(page, NEW_PASSWORD, NEW_PASSWORD)
    await expect(common).to_have_class("later met")
    await expect(said).to_have_text("Rules met: 4 of 4. Estimated strength: strong.")
    await expect(rules).to_contain_text("at least 12 characters – met")


async def test_without_a_connection_a_form_says_so_and_keeps_what_was_typed(
    page: Page, screens: Screens
) -> None:
    await fill(page, NEW_PASSWORD, NEW_PASSWORD)
    await page.context.set_offline(True)
    for _ in range(2):
        await page.click("main [type=submit]")
        await expect(page.get_by_text("No connection. What you typed is still here.")).to_have_role(
            "alert"
        )
    await page.context.set_offline(False)
    await page.click("main [type=submit]")
    await expect(page).to_have_url(f"{screens.address}/login")
    assert all("net::ERR_INTERNET_DISCONNECTED" in mishap for mishap in screens.mishaps)
    screens.mishaps.clear()


async def test_a_form_that_is_on_its_way_looks_so_and_is_sent_once(screens: Screens) -> None:
    async with screens.open("/login") as page:
        posted = posted_from(page)
        go = asyncio.Event()

        async def hold(route: Route) -> None:
            await go.wait()
            await route.continue_()

        await page.route("**/once.js", hold)  # asked for once more, before the form is sent
        button = page.get_by_role("button", name="Sign in")
        moves = "button => getComputedStyle(button, '::after').animationName"
        assert await button.evaluate(moves) == "none"
        await page.fill("#email", ADA)
        await page.press("#password", "Enter")
        await expect(button).to_have_attribute("aria-busy", "true")
        assert await button.evaluate(moves) == "busy"
        await page.emulate_media(reduced_motion="reduce")
        assert await button.evaluate(moves) == "none"
        await button.evaluate("button => button.click()")
        go.set()
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(button).not_to_have_attribute("aria-busy", "true")
    assert len(posted) == 1


async def test_two_different_passwords_are_told_before_anything_is_sent(page: Page) -> None:
    posted = posted_from(page)
    await choose(page, NEW_PASSWORD, "another password")
    again, field = (
        page.get_by_label("Repeat the new password", exact=True),
        page.locator("#password"),
    )
    await expect(again).to_be_focused()
    await expect(again).to_have_accessible_description("The two passwords don’t match.")
    await page.locator("[data-shows=password]").click()
    await expect(field).to_have_attribute("type", "text")
    await choose(page, "short", "short")
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("type", "password")  # as it is sent
    await expect(page.locator("#password-error")).to_have_text(
        "Not met yet: at least 12 characters."
    )
    await expect(page.locator("#again-error")).to_be_empty()
    assert posted == []


async def test_the_seconds_pass_and_then_the_button_works_again(
    screens: Screens, school: Service
) -> None:
    async with screens.open("/forgot-password") as page:
        await page.clock.install()
        await page.get_by_label("Email").fill(ADA)
        await page.keyboard.press("Enter")
        button = page.get_by_role("button", name="Send the link again")
        await expect(button).to_be_disabled()
        await page.clock.fast_forward(15_000)
        await expect(page.get_by_text("You can request it again in")).to_have_text(
            re.compile(r"^You can request it again in (4[0-5]|[1-3]?\d) seconds\.$")
        )
        await page.clock.fast_forward(45_000)
        await expect(page.get_by_text("You can request it again.")).to_be_visible()
        await expect(button).to_be_enabled()
    assert await asked(school) == [ADA]


@pytest.mark.parametrize("pattern", ["#token={token}", "#token={token}&email=ada%40northwind.test"])
async def test_a_link_with_a_fragment_opens_the_form_with_a_clean_address_and_the_next_replaces_it(
    pattern: str, screens: Screens, school: Service
) -> None:
    token = await school.link()
    bob = await school.add("bob@northwind.test")
    async with screens.open() as page:
        posted = posted_from(page)
        await page.goto("/reset-password" + pattern.format(token=token))
        await expect(page.get_by_text(f"For {ADA}")).to_be_visible()
        assert {page.url, *posted} == {f"{screens.address}/reset-password"}
        assert token not in await page.content()
        await page.goto("/reset-password#rules")  # no token
        await expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
        await page.evaluate(f"location.hash = 'token={await school.link(bob.email)}'")
        await expect(page.get_by_text("For bob@northwind.test")).to_be_visible()
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page).to_have_url(f"{screens.address}/login")


async def test_the_end_of_a_link_is_told_in_the_zone_of_who_reads_and_again_two_minutes_before(
    screens: Screens, school: Service
) -> None:
    async with screens.open("/login", timezone_id="Asia/Kolkata") as page:
        await page.clock.install()
        await page.goto(f"/reset-password/{await school.link()}")
        await expect(page.locator("time")).to_have_text(re.compile(r"\d\d:\d\d (IST|GMT\+5:30)$"))
        end = page.get_by_text("The link works until")
        await page.clock.fast_forward("27:00")
        await expect(end).not_to_have_class(re.compile("soon"))
        await page.clock.fast_forward("01:30")
        await expect(end).to_have_role("alert")
        await expect(end).to_have_css("color", "rgb(138, 90, 0)")


async def test_a_missing_puzzle_is_told_and_one_that_comes_is_solved_also_for_a_form_sent_early(
    browser: Browser, database_url: str
) -> None:
    settings = settings_for(database_url, challenge={"method": "altcha"})
    async with (
        running(settings) as school,
        serving_here(school.app) as address,
        Screens(browser, address).open("/forgot-password") as page,
    ):
        await page.get_by_label("Email").fill(ADA)
        await page.route("**/challenge", lambda route: route.abort())
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_text("The check failed. Try again.")).to_be_visible()
        assert await asked(school) == []
        await page.unroute("**/challenge")
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        assert await asked(school) == [ADA]


async def test_with_scripts_what_was_typed_stays_while_a_message_is_sent(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    step, mail = (
        BUILTIN | {"sms": {"account": "AC1"}},
        {"transport": "capture", "capture_dir": str(tmp_path / "mail")},
    )
    async with (
        running(settings_for(database_url, second_step=step, mail=mail)) as school,
        serving_here(school.app) as address,
    ):
        await school.add(ADA)
        await enrol(school)
        await school.operator.set_phone(ADA, "+447700900123")
        await school.operator.renew_recovery_codes(ADA)
        async with Screens(browser, address).open(f"/reset-password/{await school.link()}") as page:
            await use_a_code_by_phone(page, (tmp_path / "mail").glob("*.eml"))


async def use_a_code_by_phone(page: Page, mails: Iterable[Path]) -> None:
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
    await expect(page.locator("#step-sent")).to_have_text("Try again in 1 minute.")
    (file,) = mails
    await code.fill(text_in_file(file)[:6])
    await code.press("Enter")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
