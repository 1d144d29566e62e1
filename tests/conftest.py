"""The plugin that users get, too, and the databases that tests of the service run on."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browsing import running_chromium
from tests.databases import Databases, PostgresServer, SqliteFiles, running_postgres
from tests.mariadb_server import MARIADBD, MariadbServer, running_mariadb

pytest_plugins = ["keyturn.testing", "pytester"]


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    if not MARIADBD:
        pytest.skip("there is no mariadbd: install Debian's mariadb-server")
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
