"""After a reset, the page leads back to the address that the request named."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from tests.browsing import choose
from tests.driver.inbox import token_in
from tests.driver.service import ADA, NEW_PASSWORD, Service, running, settings_for
from tests.frontend.app import App
from tests.pages.on_screen.screens import Screens
from tests.serving import serving_here

from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


class Phone:
    """The service, its pages in a browser, and the site of the app, which stands for the app itself."""

    def __init__(self, service: Service, screens: Screens, app: str) -> None:
        self.service, self.screens, self.app = service, screens, app

    async def link(self) -> str:
        await self.service.deliver()
        return token_in(self.service.inbox.mails[-1])


@pytest_asyncio.fixture(loop_scope="session")
async def phone(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> AsyncIterator[Phone]:
    site = App(browser)
    site.pages = {"welcome": "<h1>Welcome back</h1>"}
    url = f"sqlite:///{tmp_path}/keyturn.db"
    database = Database(url)
    await migrate(database)
    await database.close()
    async with serving_here(site) as here:
        app = here.replace("127.0.0.1", "localhost")
        changes: dict[str, Any] = getattr(request, "param", {})
        settings = settings_for(url, return_origins=(app,), sign_in_url=f"{app}/login", **changes)
        async with running(settings) as service, serving_here(service.app) as address:
            await service.add(ADA, name="Ada")
            yield Phone(service, Screens(browser, address), app)


@pytest.mark.parametrize("phone", [{"after_reset": "sign_in"}], indirect=True)
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_with_after_reset_the_browser_is_there_at_once(phone: Phone, scripts: bool) -> None:
    async with phone.screens.open(
        f"/forgot-password?return_to={phone.app}/welcome", java_script_enabled=scripts
    ) as page:
        await page.get_by_label("Email").fill(ADA)
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        await page.goto(f"/reset-password/{await phone.link()}")
        await choose(page, NEW_PASSWORD, NEW_PASSWORD)
        await expect(page).to_have_url(re.compile(f"^{re.escape(phone.app)}/welcome$"))
