"""An app on this machine, and a service that tells it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.driver.service import Service
from tests.servers.databases import Databases, SqliteFiles
from tests.servers.webhooks import SECRET, App

Hook = Mapping[str, str]


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
def hook(app: App) -> Hook:
    return {"url": app.url, "secret": SECRET}


@pytest.fixture
def service_options(hook: Hook) -> dict[str, Any]:
    return {"webhooks": hook, "worker": {"timeout": timedelta(seconds=20)}}


@pytest.fixture
def urls(
    databases: Databases, sqlite: SqliteFiles, request: pytest.FixtureRequest
) -> Iterator[tuple[str, str]]:
    """Return the addresses of Keyturn's database and of the app's: the same one, or apart."""
    url = databases.migrated() if request.param == "together" else databases.empty()
    yield url if request.param == "together" else sqlite.migrated(), url
    databases.drop(url)


async def states(service: Service) -> list[tuple[str, str, str | None]]:
    rows = await service.messages()
    return [(row.kind, row.state, row.reason) for row in rows if row.kind.startswith("webhook_")]
