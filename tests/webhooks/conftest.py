"""An app on this machine, a sender that tells it, and a service that does."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.servers.databases import Databases, SqliteFiles
from tests.servers.webhooks import SECRET, App

from keyturn.service.settings import Secret, WebhookSettings
from keyturn.service.webhooks.sender import WebhookSender


@pytest.fixture(scope="session")
def app_server() -> Iterator[App]:
    with App.running() as app:
        yield app


@pytest.fixture
def app(app_server: App) -> App:
    """Give the test an app that was told nothing yet."""
    app_server.forget()
    return app_server


@pytest.fixture
async def sender(app: App) -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(app.url, [SECRET], timedelta(seconds=1))
    yield sender
    await sender.close()


@pytest.fixture
def hook(app: App) -> WebhookSettings:
    return WebhookSettings(url=Secret(app.url), secret=Secret(SECRET))


@pytest.fixture
def service_options(hook: WebhookSettings) -> dict[str, Any]:
    return {"webhooks": hook, "worker": {"timeout": timedelta(seconds=3)}}


@pytest.fixture
def urls(databases: Databases, sqlite: SqliteFiles, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Return the addresses of Keyturn's database and of the app's: the same one, or apart."""
    url = databases.migrated() if request.param == "together" else databases.empty()
    yield url if request.param == "together" else sqlite.migrated(), url
    databases.drop(url)
