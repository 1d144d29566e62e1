"""A challenge and a code in an app's own pages, under a policy that allows nothing but keyturn.js."""

from datetime import timedelta

import pytest
from playwright.async_api import Page, Route, expect
from tests.browser.browsing import choose
from tests.browser.elements.app import FORGOT, App, beside
from tests.driver.inbox import code_in
from tests.driver.service import NEW_PASSWORD, Service
from tests.servers.verifier import running_verifier

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

WITH_CODE = FORGOT.replace(" sign-in-href", " code sign-in-href")
CODE = '<keyturn-code url="{keyturn}" forgot-href="/forgot" sign-in-href="/login" heading-level="1"></keyturn-code>'
RARE = {"request": "1000/minute", "mailbox_cooldown": timedelta(0)}


async def ask(page: Page, email: str) -> None:
    await page.get_by_label("Email").fill(email)
    await page.get_by_role("button", name="Send the link").click()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()


async def code_mailed(service: Service, email: str) -> str:
    await service.deliver()
    return code_in(service.inbox.sent_to(email, "password_reset")[-1])


async def test_a_puzzle_is_solved_unseen_and_a_code_leads_to_the_form_for_a_password(app: App, sqlite_url: str) -> None:
    app.pages |= {"with-code": WITH_CODE, "code": CODE}
    async with beside(app, sqlite_url, limits=RARE, challenge={"method": "altcha"}, token={"code": True}) as service:
        ada = (await service.add("ada@northwind.test")).email
        async with app.open("/with-code") as page:
            await ask(page, ada)
            field = page.get_by_label("Code from the email")
            await expect(field).to_have_attribute("autocomplete", "one-time-code")
            await field.fill("123")
            await page.keyboard.press("Enter")
            await expect(field).to_have_accessible_description("Enter the eight digits of the code.")
            code = await code_mailed(service, ada)
            await field.fill("00000000" if code != "00000000" else "11111111")
            await page.get_by_role("button", name="Continue").click()
            await expect(field).to_have_accessible_description(
                "The code is wrong or no longer works. You can request a new one."
            )
            await field.fill(f"{code[:4]} {code[4:]}")
            await page.get_by_role("button", name="Continue").click()
            await choose(page, NEW_PASSWORD, NEW_PASSWORD)
            await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
        assert await service.knows(NEW_PASSWORD, ada)

        bob = (await service.add("bob@northwind.test")).email
        async with app.open("/forgot") as page:
            await ask(page, bob)
            await expect(page.get_by_label("Code from the email")).to_have_count(0)
        code = await code_mailed(service, bob)
        async with app.open("/code") as page:
            await page.get_by_label("Code from the email").fill(code)
            await page.get_by_role("button", name="Continue").click()
            email = page.get_by_label("Email", exact=True)
            await expect(email).to_have_accessible_description("Enter a full email address, such as name@example.org.")
            await email.fill(bob)
            await page.get_by_role("button", name="Continue").click()
            await expect(page.get_by_label("New password", exact=True)).to_be_visible()


async def test_the_widget_of_a_service_stands_in_the_page_until_it_is_answered(app: App, sqlite_url: str) -> None:
    """Its script is a stand-in that offers what the real one does: render, and a callback with the answer."""
    asked: list[str] = []

    async def script(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(
            content_type="text/javascript",
            body="""globalThis.turnstile = { render(box, { sitekey, action, callback }) {
                box.append(Object.assign(document.createElement("button"),
                    { textContent: `${sitekey} ${action}`, onclick: () => callback("solved") })); } }""",
        )

    async with running_verifier(spent="timeout-or-duplicate", secret="secret") as verifier:
        verifier.solved = {"solved": ("localhost", "request_reset")}
        challenge = {"method": "turnstile", "site_key": "site", "secret": "secret", "url": verifier.url}
        async with (
            beside(app, sqlite_url, limits=RARE, challenge=challenge) as service,
            app.open("/login", bypass_csp=True) as page,  # an app that uses it lets its hosts in
        ):
            await service.add("eve@northwind.test")
            await page.context.route("https://challenges.cloudflare.com/**", script)
            await page.goto("/forgot")
            await page.get_by_label("Email").fill("eve@northwind.test")
            await page.get_by_role("button", name="Send the link").click()
            await page.get_by_role("button", name="site request_reset").click()
            await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
            await expect(page.get_by_role("button", name="site request_reset")).to_have_count(0)
    assert asked == ["https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit"]
