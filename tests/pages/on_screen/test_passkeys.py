"""Passkeys in Chromium with a virtual authenticator: from a reset to "this was not me"."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, Page, expect
from tests.browsing import PATIENCE
from tests.databases import SqliteFiles
from tests.serving import serving_here
from tests.spec.inbox import TOKEN
from tests.spec.service import ADA, NEW_PASSWORD, Service, running, settings_for

from keyturn.settings import LimitSettings, PasskeySettings

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

AXE = "axe.run('main', {resultTypes: ['violations'], rules: {region: {enabled: false}}})"
GENEROUS = LimitSettings(request="100/minute", validate="500/minute", reset="100/minute", login="100/minute")
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@asynccontextmanager
async def at_localhost(sqlite: SqliteFiles, **settings: Any) -> AsyncIterator[Service]:
    """Serve on a name and a port that the settings know: browsers have no passkeys for an IP address."""
    apps: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await apps[0](scope, receive, send)

    async with serving_here(app) as address:
        base_url = address.replace("127.0.0.1", "localhost")
        given = {"base_url": base_url, "passkeys": PasskeySettings(enabled=True), "limits": GENEROUS} | settings
        async with running(settings_for(sqlite.migrated(), **given)) as service:
            await service.add(ADA, name="Ada")
            apps.append(service.app)
            yield service


@asynccontextmanager
async def browsing(browser: Browser, service: Service, **options: Any) -> AsyncIterator[Page]:
    """Open a browser session with an authenticator of its own. Nothing may go wrong in its console."""
    context = await browser.new_context(base_url=service.parts.settings.base_url, bypass_csp=True, **options)
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    mishaps: list[str] = []
    page.on("pageerror", lambda error: mishaps.append(str(error)))
    client = await context.new_cdp_session(page)
    await client.send("WebAuthn.enable")
    made = await client.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.authenticator = (client, made["authenticatorId"])  # type: ignore[attr-defined]
    yield page
    await context.close()
    assert mishaps == []


async def verify_users(page: Page, *, verified: bool) -> None:
    client, authenticator = page.authenticator  # type: ignore[attr-defined]
    given = {"authenticatorId": authenticator, "isUserVerified": verified}
    await client.send("WebAuthn.setUserVerified", given)


async def require_accessible(page: Page) -> None:
    await page.add_script_tag(path=AXE_FILE_PATH)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert (await page.evaluate(AXE))["violations"] == []


async def reset(page: Page, service: Service, password: str = NEW_PASSWORD) -> None:
    await page.goto(f"/reset-password/{await service.link()}")
    await page.get_by_label("New password", exact=True).fill(password)
    await page.get_by_label("Repeat the new password", exact=True).fill(password)
    await page.get_by_role("button", name="Save the new password").click()
    await expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()


async def token_of(service: Service, template: str) -> str:
    await service.deliver()
    return str(TOKEN.findall(service.inbox.sent_to(ADA, template)[-1].text)[0])


async def test_from_a_reset_to_not_me(browser: Browser, sqlite: SqliteFiles) -> None:
    async with at_localhost(sqlite) as service, browsing(browser, service) as page:
        await reset(page, service)
        await require_accessible(page)
        await page.get_by_role("button", name="Create a passkey").click()
        await expect(page.get_by_role("status")).to_have_text("The passkey was created.")
        await expect(page.get_by_role("button", name="Create a passkey")).to_be_hidden()
        await page.get_by_role("link", name="Go to sign-in").click()

        await require_accessible(page)
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.get_by_role("heading", name="Security settings")).to_be_visible()
        await page.get_by_role("link", name="Manage passkeys").click()
        await require_accessible(page)
        await page.get_by_label("Name of the passkey").fill("My laptop")
        await page.get_by_role("button", name="Rename").click()
        await expect(page.get_by_role("heading", name="My laptop")).to_be_visible()
        await page.get_by_role("button", name="Create a passkey").click()
        await expect(page.get_by_text("The passkey didn’t work. Try again.")).to_be_visible()  # it has one already
        await page.get_by_role("button", name="Remove").click()
        await expect(page.get_by_text("You have no passkeys.")).to_be_visible()

        await page.get_by_role("button", name="Create a passkey").click()
        await expect(page.get_by_role("status")).to_have_text("The passkey was created.")
        secure = await token_of(service, "passkey_changed")
        await page.goto(f"/secure-your-account/{secure}")
        await page.get_by_role("button", name="Secure").click()
        await expect(page.get_by_role("heading", name="Your account is secured")).to_be_visible()
        await service.deliver()
        await page.goto("/login")
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.get_by_text("The passkey didn’t work. Try again.")).to_be_visible()


async def test_an_unverified_user_creates_nothing_and_may_try_again(browser: Browser, sqlite: SqliteFiles) -> None:
    async with at_localhost(sqlite) as service, browsing(browser, service) as page:
        await reset(page, service)
        await verify_users(page, verified=False)
        await page.get_by_role("button", name="Create a passkey").click()
        await expect(page.get_by_text("The passkey didn’t work. Try again.")).to_be_visible()
        await verify_users(page, verified=True)
        await page.get_by_role("button", name="Create a passkey").click()
        await expect(page.get_by_role("status")).to_have_text("The passkey was created.")


async def test_without_scripts_nothing_is_offered_that_would_fail(browser: Browser, sqlite: SqliteFiles) -> None:
    async with at_localhost(sqlite) as service:
        context = await browser.new_context(base_url=service.parts.settings.base_url, java_script_enabled=False)
        page = await context.new_page()
        await reset(page, service)
        await expect(page.get_by_role("button", name="Create a passkey")).to_be_hidden()
        await page.get_by_role("link", name="Go to sign-in").click()
        await expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        await context.close()
