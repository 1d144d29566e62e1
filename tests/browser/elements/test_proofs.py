"""A challenge, a code and a second step in an app's own pages, under a policy that allows nothing
but keyturn.js.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect
from tests.browser.browsing import choose
from tests.browser.elements.conftest import FORGOT, App, beside, link_mailed
from tests.driver.inbox import code_in, text_in_file
from tests.driver.second_factors import BUILTIN, enrol, wrong_code
from tests.driver.service import ADA, NEW_PASSWORD, Service
from tests.servers.verifier import running_verifier

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

WITH_CODE = FORGOT.replace(" sign-in-href", " code sign-in-href")
CODE = (
    '<keyturn-code url="{keyturn}" forgot-href="/forgot" sign-in-href="/login" '
    'heading-level="1"></keyturn-code>'
)
RARE = {"request": "1000/minute", "mailbox_cooldown": timedelta(0)}


async def ask(page: Page, email: str) -> None:
    await page.get_by_label("Email").fill(email)
    await page.get_by_role("button", name="Send the link").click()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()


async def code_mailed(service: Service, email: str) -> str:
    await service.deliver()
    return code_in(service.inbox.sent_to(email, "password_reset")[-1])


async def test_a_puzzle_is_solved_unseen_and_a_code_leads_to_the_form_for_a_password(
    app: App, sqlite_url: str
) -> None:
    app.pages |= {"with-code": WITH_CODE, "code": CODE}
    async with beside(
        app, sqlite_url, limits=RARE, challenge={"method": "altcha"}, token={"code": True}
    ) as service:
        ada = (await service.add("ada@northwind.test")).email
        async with app.open("/with-code") as page:
            await ask(page, ada)
            field = page.get_by_label("Code from the email")
            await expect(field).to_have_attribute("autocomplete", "one-time-code")
            await field.fill("123")
            await page.keyboard.press("Enter")
            await expect(field).to_have_accessible_description(
                "Enter the eight digits of the code."
            )
            code = await code_mailed(service, ada)
            await field.fill("00000000" if code != "00000000" else "11111111")
            await page.get_by_role("button", name="Continue").click()
            await expect(field).to_have_accessible_description(
                "The code is wrong or no longer works. You can request a new one."
            )
            await field.fill(f"{code[:4]} {code[4:]}")
            await page.get_by_role("button", name="Continue").click()
            await choose(page, NEW_PASSWORD, NEW_PASSWORD)
            await expect(
                page.get_by_role("heading", name="Your password was changed")
            ).to_be_visible()
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
            await expect(email).to_have_accessible_description(
                "Enter a full email address, such as name@example.org."
            )
            await email.fill(bob)
            await page.get_by_role("button", name="Continue").click()
            await expect(page.get_by_label("New password", exact=True)).to_be_visible()


async def test_the_widget_of_a_service_stands_in_the_page_until_it_is_answered(
    app: App, sqlite_url: str
) -> None:
    """Its script is a stand-in that offers what the real one does: render, and a callback with the
    answer.
    """
    asked: list[str] = []

    async def script(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(
            content_type="text/javascript",
            body="""globalThis.turnstile = { render(box, { sitekey, action, callback }) {
                box.append(Object.assign(document.createElement("button"), {
                    textContent: `${sitekey} ${action}`, onclick: () => callback("solved")
                }));
            } }""",
        )

    async with running_verifier(spent="timeout-or-duplicate", secret="secret") as verifier:
        verifier.solved = {"solved": ("localhost", "request_reset")}
        challenge = {
            "method": "turnstile",
            "site_key": "site",
            "secret": "secret",
            "url": verifier.url,
        }
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


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(app: App, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """Run a service in which Ada has every factor."""
    step = BUILTIN | {"sms": {"account": "AC1"}}
    mail = {"transport": "capture", "capture_dir": str(tmp_path / "mail")}
    async with beside(
        app, sqlite_url, second_step=step, mail=mail, limits={"request": "100/minute"}
    ) as service:
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
