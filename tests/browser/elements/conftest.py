"""An app on an origin of its own, whose plain pages hold Keyturn's elements under a strict Content-Security-Policy."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.elements.app import App, beside
from tests.driver.service import Service
from tests.servers.databases import SqliteFiles
from tests.servers.serving import serving_here


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
    assert app.mishaps == []
    app.mishaps.clear()
