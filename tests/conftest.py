"""The plugin that users get, too, and the databases that tests of the service run on."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browsing import running_chromium
from tests.databases import Databases, PostgresServer, SqliteFiles, running_postgres
from tests.mariadb_server import MariadbServer, running_mariadb

pytest_plugins = ["keyturn.testing", "pytester"]

_MARKED = ("browser", "postgresql", "mariadb")
"""Fixtures, and parameters that choose a server, by which a test is marked: `-m "not browser"` leaves it out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        chosen = item.callspec.params.values() if hasattr(item, "callspec") else ()
        needed = {*getattr(item, "fixturenames", ()), *(value for value in chosen if isinstance(value, str))}
        for name in needed.intersection(_MARKED):
            item.add_marker(name)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    with running_mariadb() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each engine in turn; `@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)` takes one."""
    chosen: Databases = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    url = databases.migrated()
    yield url
    databases.drop(url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the run. Tests that use it say `pytestmark = pytest.mark.asyncio(loop_scope="session")`."""
    async with running_chromium() as chromium:
        yield chromium
