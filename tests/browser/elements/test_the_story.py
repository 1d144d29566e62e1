"""From the forgotten password to the new one, on a page of another site, under a
Content-Security-Policy.
"""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.browser.browsing import choose
from tests.browser.elements.conftest import CHANGE, FORGOT, RESET, App, beside, link_mailed
from tests.driver.inbox import links_in
from tests.driver.service import ADA, NEW_PASSWORD, PASSWORD, Service
from tests.spec.pages.test_mail_services import INBOXES, MEANT

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

HEARD = """() => {
    window.heard = [];
    for (const name of ['keyturn-sent', 'keyturn-reset', 'keyturn-error'])
        document.addEventListener(name, event =>
            heard.push([name, event.detail.email ?? event.detail.reason]))
}"""


async def test_after_a_request_a_way_to_the_inbox_and_a_mistyped_domain_are_offered_as_on_the_pages(
    app: App, keyturn: Service
) -> None:
    assert keyturn
    async with app.open("/forgot") as page:
        await page.evaluate(HEARD)
        inbox, asked = page.get_by_role("link", name="Open"), page.get_by_text("Did you mean")
        for email, meant in (MEANT | dict.fromkeys(INBOXES, "")).items():
            await page.get_by_label("Email").fill(email)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
            await expect(asked).to_have_text([f"Did you mean {meant}?"] if meant else [])
            if meant:
                await expect(inbox).to_have_count(0)
            elif email in INBOXES:
                await expect(inbox).to_have_attribute("href", INBOXES[email])
            await page.get_by_role("button", name="Use another address").click()
        await page.get_by_label("Email").fill("ida@gmial.com")
        await page.keyboard.press("Enter")
        await expect(asked).to_be_visible()  # until then, the form has a button of that name
        await page.get_by_role("button", name="Send the link", exact=True).click()
        await expect(page.get_by_role("link", name="Open Gmail")).to_have_attribute(
            "rel", "noopener"
        )
        await expect(asked).to_have_count(0)
        heard = await page.evaluate("heard")
        assert heard[-2:] == [["keyturn-sent", "ida@gmial.com"], ["keyturn-sent", "ida@gmail.com"]]


async def test_a_forgotten_password_is_replaced_and_the_old_link_is_dead(
    app: App, keyturn: Service
) -> None:
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
        await expect(
            page.get_by_text(re.compile(r"request it again in (1 minute|[1-5]?\d seconds)\.$"))
        ).to_be_visible()
        assert await page.evaluate("heard") == [["keyturn-sent", ada]]

        link = await link_mailed(keyturn, ada)
        await page.goto(link)
        await page.evaluate(HEARD)
        await expect(page.get_by_text(f"For {ada}")).to_be_visible()
        await expect(page.locator("[part=note]")).to_have_text(
            re.compile(r"^The link works until .*\d\d:\d\d \S+\.$")
        )
        assert page.url == f"{app.address}/reset"
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_focused()
        await expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/login")
        assert await page.evaluate("heard") == [["keyturn-reset", ada]]
        assert await keyturn.knows(NEW_PASSWORD, ada)

        await page.goto(link)
        await expect(
            page.get_by_role("heading", name="This reset link has already been used")
        ).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("Each link works once.")
        await expect(page.get_by_role("link")).to_have_text(["Sign in", "Request a new link"])
        await page.get_by_role("link", name="Request a new link").click()
        await expect(page).to_have_url(f"{app.address}/forgot")


async def test_who_awaits_a_first_password_is_asked_for_that_and_whom_an_operator_asked_reads_why(
    app: App, keyturn: Service
) -> None:
    eve = (await keyturn.add("eve@northwind.test", awaits_password=True)).email
    await keyturn.ask_and_deliver(eve)
    (link,) = {
        link for link in links_in(keyturn.inbox.sent_to(eve, "invitation")[-1]) if "token=" in link
    }
    async with app.open(link) as page:
        await expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
        for label in ("Password", "Repeat the password"):
            await page.get_by_label(label, exact=True).fill(NEW_PASSWORD)
        await page.get_by_role("button", name="Save the password").click()
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_focused()

    await keyturn.operator.reset(eve, "A copy of our database was read.")
    async with app.open(await link_mailed(keyturn, eve)) as page:
        await expect(page.get_by_text("A copy of our database was read.")).to_be_visible()


async def test_the_card_mails_the_person_whose_settings_they_are(
    app: App, keyturn: Service
) -> None:
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
        await expect(
            page.get_by_text("Didn’t get the email? You can request it again.")
        ).to_be_visible()
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
    ids=[
        "in the query",
        "in the fragment",
        "in the path",
        "with a full stop",
        "in a route's query",
        "in a route",
    ],
)
async def test_the_token_leaves_the_address(
    shape: str, left: str, app: App, keyturn: Service
) -> None:
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
        await expect(
            page.get_by_role("heading", name="Open the link in your email")
        ).to_be_visible()
        # A second link, opened in the same tab, changes the fragment alone.
        await page.evaluate(f"location.hash = 'token={token}'")
        await expect(page.get_by_text(f"For {tom}")).to_be_visible()
        assert token not in page.url


CHECKOUT = Path(__file__).parents[3]
OWN_PAGES = CHECKOUT / "examples" / "own-pages"


def documented() -> str:
    """Return the first page of HTML in the documentation."""
    blocks = re.findall(
        r"```html\n(.*?)```", (CHECKOUT / "docs" / "frontend.md").read_text(), re.DOTALL
    )
    page: str = next(block for block in blocks if block.startswith("<!doctype"))
    return page.replace("https://account.example.org", "{keyturn}")


async def test_the_documented_page_and_the_example_s_change_a_password(
    app: App, keyturn: Service
) -> None:
    emma = (await keyturn.add("emma@northwind.test")).email
    app.pages["documented"] = documented()
    # The policy of these tests allows no inline script; the page in the documentation brings its
    # own.
    async with app.open(f"/documented#token={await keyturn.link(emma)}", bypass_csp=True) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(
            page.get_by_role("heading", level=1, name="Your password was changed")
        ).to_be_visible()
        assert said == [f"changed for {emma}"]

    for name in ("forgot.html", "reset.html"):
        app.pages[name] = (
            (OWN_PAGES / name).read_text().replace("https://account.northwind.example", "{keyturn}")
        )
    async with app.open(f"/reset.html#token={await keyturn.link(emma)}") as page:
        await choose(page, NEW_PASSWORD + "!", NEW_PASSWORD + "!")
        await expect(
            page.get_by_role("heading", level=1, name="Your password was changed")
        ).to_be_visible()
        await page.goto("/reset.html#token=nonsense")
        await page.reload()
        await page.get_by_role("link", name="Request a new link").click()
        await page.get_by_label("Email").fill(emma)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="Check your email")).to_be_visible()


TABLE = {"table": "keyturn_accounts", "identifiers": ["email", "name"], "active": "active"}


async def test_a_user_name_gets_a_link_that_leads_back(app: App, sqlite_url: str) -> None:
    named_users = {"accounts": {"store": "table", "table": TABLE}, "return_origins": (app.address,)}
    back = f"{app.address}/login?from=reset"
    async with beside(app, sqlite_url) as service:
        await service.add(ADA, name="ada.l")
    app.pages = {
        "forgot": FORGOT.replace(" sign-in", f' return-to="{back}" sign-in'),
        "reset": RESET,
        "login": "Hello",
    }
    async with (
        beside(app, sqlite_url, **named_users, sign_in_url=f"{app.address}/login") as named,
        app.open("/forgot") as page,
    ):
        field = page.get_by_label("Email or username")
        await expect(field).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_text("or your username.")).to_be_visible()
        await field.fill("ADA.L")
        await page.keyboard.press("Enter")
        await expect(
            page.get_by_text("If an account exists for ADA.L, a link is on its way.")
        ).to_be_visible()

        await page.goto(await link_mailed(named, ADA))
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
        await page.get_by_role("link", name="Continue").click()
        await expect(page).to_have_url(back)
