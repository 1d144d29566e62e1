"""A database of an app's, each of the three in turn, and stores over its tables."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.contracts.accounts.table.app import Over
from tests.driver.app_database import App, running_app
from tests.servers.databases import PostgresServer, SqliteFiles
from tests.servers.mariadb import MariadbServer

from keyturn.service.accounts.table.store import TableAccounts, table_accounts
from keyturn.service.database import Database
from keyturn.service.settings import Secret, TableSettings


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def databases(request: pytest.FixtureRequest) -> SqliteFiles | PostgresServer | MariadbServer:
    """Each engine in turn; `@pytest.mark.parametrize("databases", ["mariadb"], indirect=True)` takes one."""
    chosen: SqliteFiles | PostgresServer | MariadbServer = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
async def app(empty_url: str) -> AsyncIterator[App]:
    async with running_app(empty_url, "SELECT 1") as app:
        yield app


@pytest.fixture
async def over(app: App) -> AsyncIterator[Over]:
    async with AsyncExitStack() as closing:

        def over(**settings: Any) -> TableAccounts:
            given = TableSettings(**{"url": Secret(app.url), "table": "users", **settings})
            store = table_accounts(given, Database("sqlite://"))
            closing.push_async_callback(store.close)
            return store

        yield over
