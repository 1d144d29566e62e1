"""An app on an origin of its own, whose plain pages hold Keyturn's elements under a strict policy,
beside a service.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.pages.screens import Screens
from tests.driver.inbox import links_in
from tests.driver.service import Service, running, settings_for
from tests.servers.databases import SqliteFiles
from tests.servers.serving import send_answer, serving_here

PAGE = """<!doctype html><html lang="{lang}" dir="auto"><meta charset="utf-8"><title>An app</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<script type="module" src="{keyturn}/keyturn.js"></script><main>{body}</main></html>"""


POLICY = (
    "default-src 'none'; script-src {keyturn}; connect-src {keyturn}; base-uri 'none'; "
    "form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the page in docs/frontend.md asks for, and what makes it stricter still."""


FORGOT = '<keyturn-forgot url="{keyturn}" sign-in-href="/login"></keyturn-forgot>'


RESET = (
    '<keyturn-reset url="{keyturn}" forgot-href="/forgot" sign-in-href="/login"></keyturn-reset>'
)


CHANGE = '<keyturn-change-password url="{keyturn}" email="{email}"></keyturn-change-password>'


class App(Screens):
    """`pages` holds bodies, or whole pages, by the first part of the path; what is not there is the
    reset page.
    """

    expected = "Failed to load resource"  # also for an answer that did not come

    def __init__(self, browser: Browser) -> None:
        super().__init__(browser, "")
        self.pages: dict[str, str] = {"forgot": FORGOT, "reset": RESET, "login": "<h1>Sign in</h1>"}
        self.keyturn = ""

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        body = self.pages.get(scope["path"].split("/")[1], RESET)
        page = self._filled(
            body if body.startswith("<!doctype") else PAGE.replace("{body}", body)
        ).encode()
        headers = {"content-type": "text/html", "content-security-policy": self._filled(POLICY)}
        await send_answer(send, 200, page, headers)

    def _filled(self, text: str) -> str:
        return text.replace("{keyturn}", self.keyturn).replace("{lang}", "en")

    def _note_request(self, url: str) -> None:
        """Let it pass: the app asks the service, which is elsewhere."""


@asynccontextmanager
async def beside(app: App, database_url: str, **changes: Any) -> AsyncIterator[Service]:
    """Run a service beside the app, which from then on calls that one."""
    settings = settings_for(
        database_url,
        reset_url=f"{app.address}/reset?token={{token}}&email={{email}}",
        server={"allowed_origins": [app.address]},
        **changes,
    )
    async with running(settings) as service, serving_here(service.app) as address:
        before, app.keyturn = app.keyturn, address
        try:
            yield service
        finally:
            app.keyturn = before


async def link_mailed(service: Service, email: str) -> str:
    """Deliver what waits, and return the address in the mail that leads to the app."""
    await service.deliver()
    mail = service.inbox.sent_to(email, "password_reset")[-1]
    (link,) = {link for link in links_in(mail) if "token=" in link}
    return link


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(browser: Browser) -> AsyncIterator[App]:
    app = App(browser)
    async with serving_here(app) as address:
        # Another site, and not only another port.
        app.address = address.replace("127.0.0.1", "localhost")
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keyturn(app: App, sqlite: SqliteFiles) -> AsyncIterator[Service]:
    """Run the service that most tests share: each has a person of its own."""
    rare = {"request": "1000/minute", "client": "1000/minute", "mailbox_cooldown": timedelta(0)}
    async with beside(app, sqlite.migrated(), limits=rare) as service:
        yield service


@pytest.fixture(autouse=True)
def no_mishap(app: App) -> Iterator[None]:
    """No error in the console, whatever a test does."""
    yield
    mishaps, app.mishaps = app.mishaps, []
    assert mishaps == []
