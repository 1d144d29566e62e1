"""From the forgotten password to the new one, on a page of another site, under a Content-Security-Policy."""

import re

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.app import CHANGE, App, link_mailed
from tests.driver.inbox import links_in
from tests.driver.service import NEW_PASSWORD, PASSWORD, Service
from tests.driver.visitor import Visitor, words

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

HEARD = """() => { window.heard = []; for (const name of ['keyturn-sent', 'keyturn-reset', 'keyturn-error'])
    document.addEventListener(name, event => heard.push([name, event.detail.email ?? event.detail.reason])) }"""


async def test_after_a_request_the_way_to_the_inbox_and_a_mistyped_domain_are_offered_as_on_the_pages(
    app: App, keyturn: Service
) -> None:
    visitor = Visitor(keyturn.anywhere())
    async with app.open("/forgot") as page:
        await page.evaluate(HEARD)
        for domain in ("gmail.con", "gmaill.com", "gamil.com", "fmail.com", "hotmial.com", "iclod.com", "gmial.com"):
            await page.get_by_label("Email").fill(f"ida@{domain}")
            await page.keyboard.press("Enter")
            hosted = await visitor.follow(await visitor.submit("/forgot-password", email=f"ida@{domain}"))
            meant = re.search(r"Did you mean (ida@\S+) \?", words(hosted))
            assert meant, words(hosted)
            await expect(page.get_by_text(f"Did you mean {meant[1]}?")).to_be_visible()
            await expect(page.get_by_role("link", name="Open")).to_have_count(0)
            if domain != "gmial.com":
                await page.get_by_role("button", name="Use another address").click()
        await page.get_by_role("button", name="Send the link", exact=True).click()
        inbox = page.get_by_role("link", name="Open Gmail")
        await expect(inbox).to_have_attribute("href", "https://mail.google.com/mail/")
        await expect(inbox).to_have_attribute("rel", "noopener")
        await expect(page.get_by_text("Did you mean")).to_have_count(0)
        heard = await page.evaluate("heard")
        assert heard[-2:] == [["keyturn-sent", "ida@gmial.com"], ["keyturn-sent", "ida@gmail.com"]]


async def test_a_forgotten_password_is_replaced_and_the_old_link_is_dead(app: App, keyturn: Service) -> None:
    ada = (await keyturn.add("ada@northwind.test", name="Ada")).email
    async with app.open("/forgot") as page:
        await page.evaluate(HEARD)
        await page.get_by_label("Email").fill(ada)
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("heading", name="Check your email")).to_be_focused()
        lead = f"If an account exists for {ada}, a link is on its way. It works for 30 minutes."
        await expect(page.locator("[part=lead]")).to_have_text(lead)
        again = page.get_by_role("button", name="Send the link again")
        await expect(again).to_have_attribute("aria-disabled", "true")
        await expect(page.get_by_text(re.compile(r"request it again in (1 minute|5\d seconds)\.$"))).to_be_visible()
        assert await page.evaluate("heard") == [["keyturn-sent", ada]]

        link = await link_mailed(keyturn, ada)
        await page.goto(link)
        await page.evaluate(HEARD)
        await expect(page.get_by_text(f"For {ada}")).to_be_visible()
        await expect(page.locator("[part=note]")).to_have_text(re.compile(r"^The link works until .*\d\d:\d\d \S+\.$"))
        assert page.url == f"{app.address}/reset"
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_focused()
        await expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/login")
        assert await page.evaluate("heard") == [["keyturn-reset", ada]]
        assert await keyturn.knows(NEW_PASSWORD, ada)

        await page.goto(link)
        await expect(page.get_by_role("heading", name="This reset link has already been used")).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("Each link works once.")
        await expect(page.get_by_role("link")).to_have_text(["Sign in", "Request a new link"])
        await page.get_by_role("link", name="Request a new link").click()
        assert page.url == f"{app.address}/forgot"


async def test_who_awaits_a_first_password_is_asked_for_that_one_and_whom_an_operator_asked_reads_why(
    app: App, keyturn: Service
) -> None:
    eve = (await keyturn.add("eve@northwind.test", awaits_password=True)).email
    await keyturn.ask_and_deliver(eve)
    (link,) = {link for link in links_in(keyturn.inbox.sent_to(eve, "invitation")[-1]) if "token=" in link}
    async with app.open(link) as page:
        await expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
        for label in ("Password", "Repeat the password"):
            await page.get_by_label(label, exact=True).fill(NEW_PASSWORD)
        await page.get_by_role("button", name="Save the password").click()
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_focused()

    await keyturn.operator.reset(eve, "A copy of our database was read.")
    async with app.open(await link_mailed(keyturn, eve)) as page:
        await expect(page.get_by_text("A copy of our database was read.")).to_be_visible()


async def test_the_card_mails_the_person_whose_settings_they_are(app: App, keyturn: Service) -> None:
    dora = (await keyturn.add("dora@northwind.test")).email
    app.pages["settings"] = CHANGE.replace("{email}", dora)
    async with app.open("/settings") as page:
        await expect(page.get_by_role("heading", name="Change password")).to_be_visible()
        await page.clock.install()
        button = page.get_by_role("button", name="Request password change")
        await button.click()
        await expect(page.get_by_role("status")).to_have_text(
            "We’ve sent a password reset link to your email. Please check your inbox to continue."
        )
        await button.click(force=True)  # it rests, and so nothing is sent
        await page.clock.fast_forward(61_000)
        await expect(button).not_to_have_attribute("aria-disabled", "true")
        await expect(page.get_by_text("Didn’t get the email? You can request it again.")).to_be_visible()
    await keyturn.deliver()
    assert len(keyturn.inbox.sent_to(dora)) == 1


@pytest.mark.parametrize(
    ("shape", "left"),
    [
        ("/reset?from=mail&token={token}#top", "/reset?from=mail#top"),
        ("/reset#token={token}&email=tom%40northwind.test", "/reset"),
        ("/app/reset-password/{token}?email=tom%40northwind.test", "/app/reset-password"),
        ("/app/reset-password/{token}.", "/app/reset-password"),
        ("/#/reset?token={token}&email=tom%40northwind.test", "/#/reset"),
        ("/#/reset/{token}", "/#/reset"),
    ],
    ids=["in the query", "in the fragment", "in the path", "with a full stop", "in a route's query", "in a route"],
)
async def test_the_token_leaves_the_address(shape: str, left: str, app: App, keyturn: Service) -> None:
    tom = "tom@northwind.test"
    if not await keyturn.knows(PASSWORD, tom):
        await keyturn.add(tom)
    token = await keyturn.link(tom)
    async with app.open("/login") as page:
        await page.goto(shape.format(token=token))
        await expect(page.get_by_text(f"For {tom}")).to_be_visible()
        assert page.url == app.address + left
        assert token not in await page.content()
        await page.goto("/login")
        await page.go_back()
        await expect(page.get_by_role("heading", name="Open the link in your email")).to_be_visible()
        # A second link, opened in the same tab, changes the fragment alone.
        await page.evaluate(f"location.hash = 'token={token}'")
        await expect(page.get_by_text(f"For {tom}")).to_be_visible()
        assert token not in page.url
