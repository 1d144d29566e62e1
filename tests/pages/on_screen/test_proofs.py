"""A challenge and a code in a browser, under the pages' own policy."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect
from tests.driver.service import ADA, Service, running, settings_for
from tests.pages.on_screen.screens import Screens
from tests.pages.school import asked
from tests.serving import serving_here
from tests.verifier import running_verifier

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

FORGOT = "/forgot-password"
SENT = re.compile("Check your email")


class Foreign(Screens):
    """Lets requests to the hosts of a service pass, which are answered here."""

    hosts = ""

    def _note_request(self, url: str) -> None:
        if not self.hosts or self.hosts not in url:
            super()._note_request(url)


@asynccontextmanager
async def shown(browser: Browser, url: str, challenge: Mapping[str, str]) -> AsyncIterator[tuple[Foreign, Service]]:
    """Run a service whose pages have the challenge. At the end nothing may stand in the console."""
    async with running(settings_for(url, challenge=challenge)) as school, serving_here(school.app) as address:
        screens = Foreign(browser, address)
        yield screens, school
    assert screens.mishaps == []


async def ask(page: Page, email: str = ADA) -> None:
    await page.get_by_label("Email").fill(email)
    await page.get_by_role("button", name="Send the link").click()


async def test_altcha_is_solved_by_the_browser_and_a_form_that_is_sent_early_waits(
    browser: Browser, database_url: str
) -> None:
    async with shown(browser, database_url, {"method": "altcha"}) as (screens, school):
        async with screens.open(FORGOT) as page:
            await ask(page)  # at once: the puzzle is not solved yet
            await expect(page.get_by_role("heading", name=SENT)).to_be_visible()
            assert await asked(school) == [ADA]
        async with screens.open(FORGOT, locale="de") as page:
            box = page.get_by_role("checkbox")
            await expect(box).to_be_checked()
            await expect(page.locator("altcha-widget")).to_have_count(1)


@pytest.mark.parametrize(
    ("method", "host", "box", "field"),
    [
        ("turnstile", "challenges.cloudflare.com", "cf-turnstile", "cf-turnstile-response"),
        ("hcaptcha", "hcaptcha.com", "h-captcha", "h-captcha-response"),
    ],
)
async def test_a_services_widget_runs_under_a_policy_with_its_hosts_and_its_answer_is_sent(
    method: Any, host: str, box: str, field: str, browser: Browser, database_url: str
) -> None:
    """Its script is a stand-in that writes what the real one does: a hidden field of the form."""
    script = f"""const box = document.querySelector(".{box}"), field = document.createElement("input");
        Object.assign(field, {{ type: "hidden", name: "{field}", value: "solved" }});
        box.append(field, document.createElement("iframe"));
        box.lastChild.src = "https://{host}/frame";"""

    async def answer(route: Route) -> None:
        is_script = route.request.resource_type == "script"
        await route.fulfill(
            body=script if is_script else "", content_type="text/javascript" if is_script else "text/html"
        )

    async with running_verifier(
        spent="timeout-or-duplicate", secret="secret", site_key="" if method == "turnstile" else "site"
    ) as verifier:
        verifier.solved = {"solved": ("127.0.0.1", "request_reset")}
        challenge = {"method": method, "site_key": "site", "secret": "secret", "url": verifier.url}
        async with shown(browser, database_url, challenge) as (screens, school):
            screens.hosts = host
            async with screens.open("/login") as page:
                await page.context.route(f"**://*{host}/**", answer)
                await page.goto(FORGOT)
                await expect(page.locator(f".{box} iframe")).to_have_count(1)
                await ask(page)
                await expect(page.get_by_role("heading", name=SENT)).to_be_visible()
            assert await asked(school) == [ADA]
