"""Fixtures of all tests: services, databases and a browser.

Marks follow from the programs that a test needs.
"""

import gc
import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.browsing import running_chromium
from tests.driver.inbox import Inbox
from tests.driver.service import PEOPLE, Service, Start, running, settings_for
from tests.programs import MARKED, require_program
from tests.servers.databases import (
    Databases,
    EncodedPostgres,
    PostgresServer,
    SqliteFiles,
    in_memory,
    running_postgres,
)
from tests.servers.directories import DirectoryServer, running_samba, running_slapd
from tests.servers.mail_providers.resend import ResendServer
from tests.servers.mariadb import MariadbServer, running_mariadb
from tests.servers.postgresql_with_tls import TlsServer, running_postgres_with_tls

from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import AccountStore
from keyturn.service.database import Database
from keyturn.testing import MovableClock

pytest_plugins = ["keyturn.testing", "pytester"]

TESTS = Path(__file__).parent

# Each run uses the same examples, without deadlines, which a busy machine exceeds, and without
# Hypothesis's folder. `just nightly` uses five times as many.
hypothesis.settings.register_profile(
    "thorough",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=100,
    stateful_step_count=30,
)
hypothesis.settings.register_profile(
    "keyturn", hypothesis.settings.get_profile("thorough"), max_examples=20, stateful_step_count=15
)
hypothesis.settings.load_profile("keyturn")

APPS = {"database_url", "start", "studio"}
"""Fixtures that give their tests the mark `app`."""


PROCESSES = (
    "subprocess",
    "tests.processes.adoption.story",
    "tests.servers.processes",
    "tests.worlds.chaos.processes",
)
"""Modules that start processes.

A test module that imports one of them, or a name of theirs, must be long.
"""


def pytest_configure() -> None:
    """Make the run quick: keep bytecode, and put the tests' folders into memory if it has room.

    Without bytecode each process that a test starts would compile the whole package, and each run
    all tests.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if memory := in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers: one more than cores, since many tests wait for a process or a
    page.
    """
    return (os.cpu_count() or 1) + 1


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by the programs that it needs: its fixtures, the engine of its `databases`, or
    its `proxy`.
    """
    if isinstance(item, pytest.Function):
        params = item.callspec.params if hasattr(item, "callspec") else {}
        chosen = (params.get("databases"), params.get("proxy"))
        for name in ("postgresql", *MARKED):
            if name in chosen or name in item.fixturenames:
                item.add_marker(name)
                if name in MARKED:
                    item.add_marker("program")
        if not APPS.isdisjoint(item.fixturenames):
            item.add_marker("app")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test without the mark `long` if it uses the browser or starts processes."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("long"):
        return
    if "browser" in item.fixturenames or starts_processes(item.module):
        pytest.fail(
            "mark it with pytest.mark.long: it uses a browser, or its module starts processes",
            pytrace=False,
        )


@cache
def starts_processes(module: ModuleType) -> bool:
    """Tell by its imports whether a test module starts processes."""
    names = [
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    ]
    return not {name for name in names if isinstance(name, str)}.isdisjoint(PROCESSES)


def pytest_collection_finish() -> None:
    """Hide the collected tests from the garbage collector.

    They live to the end, and cost a tenth of the run.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason for skips once, with the number of tests."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Restore the process's logging after a test, since commands, apps and libraries change it."""
    before = {logger: (logger.level, logger.handlers[:], logger.propagate) for logger in _loggers()}
    yield
    logging.captureWarnings(capture=False)
    for logger in _loggers():
        level, handlers, logger.propagate = before.get(logger, (logging.NOTSET, [], True))
        logger.handlers[:] = handlers
        if logger.level != level:  # setting a level clears the cache of every logger
            logger.setLevel(level)


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def latin1(postgresql: PostgresServer) -> EncodedPostgres:
    return EncodedPostgres(postgresql, "LATIN1")


@pytest.fixture(scope="session")
def sql_ascii(postgresql: PostgresServer) -> EncodedPostgres:
    return EncodedPostgres(postgresql, "SQL_ASCII")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    with running_mariadb(require_program("mariadbd", "mariadb-server")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_with_tls() -> Iterator[TlsServer]:
    with running_postgres_with_tls(require_program("postgres", "postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def slapd() -> Iterator[DirectoryServer]:
    with running_slapd() as server:
        yield server


@pytest.fixture(scope="session")
def samba() -> Iterator[DirectoryServer]:
    with running_samba() as server:
        yield server


@pytest.fixture(scope="session")
def resend_server() -> Iterator[ResendServer]:
    with ResendServer.running() as server:
        yield server


@pytest.fixture
def resend(resend_server: ResendServer) -> ResendServer:
    """Give the test a Resend that knows nothing yet."""
    resend_server.forget()
    return resend_server


@pytest.fixture(scope="session")
def node() -> str:
    return require_program("node", "nodejs")


@pytest.fixture(scope="session")
def php() -> str:
    return require_program("php", "php-cli")


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each engine in turn.

    `@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)` selects one.
    """
    chosen: Databases = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    url = databases.migrated()
    yield url
    databases.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a database of each engine in turn."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """Make a database that was never migrated, of each engine in turn."""
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture
def sqlite_url(sqlite: SqliteFiles) -> Iterator[str]:
    """Make a migrated database of SQLite alone."""
    url = sqlite.migrated()
    yield url
    sqlite.drop(url)


@pytest.fixture
def postgresql_url(postgresql: PostgresServer) -> Iterator[str]:
    """Make a migrated database of PostgreSQL alone."""
    url = postgresql.migrated()
    yield url
    postgresql.drop(url)


@pytest.fixture
def clock() -> MovableClock:
    """Return the clock of a test's services, which stands still unless a worker runs by itself."""
    return MovableClock()


@pytest.fixture
async def start(database_url: str, clock: MovableClock) -> AsyncIterator[Start]:
    """Return a function that starts services on one database."""
    async with AsyncExitStack() as stack:

        async def start(
            *,
            working: bool = False,
            inbox: Inbox | None = None,
            store: AccountStore | None = None,
            people: Mapping[str, Mapping[str, Any]] = PEOPLE,
            prepare: Callable[[Service], Awaitable[object]] | None = None,
            **settings: Any,
        ) -> Service:
            wanted = settings_for(database_url, **settings)
            clock.runs = clock.runs or working
            starting = running(wanted, worker=working, inbox=inbox, accounts=store, clock=clock)
            service = await stack.enter_async_context(starting)
            if (
                isinstance(service.container.accounts, BuiltinAccounts)
                and not await service.container.accounts.list()
            ):
                for email, fields in people.items():
                    await service.add(email, **fields)
            if prepare:
                await prepare(service)
            return service

        yield start


@pytest.fixture
def service_options() -> dict[str, Any]:
    """Return what `start` is given for `service`.

    A module that needs another service defines this fixture.
    """
    return {}


@pytest.fixture
async def service(start: Start, service_options: dict[str, Any]) -> Service:
    """Start a service on a database of the test's own."""
    return await start(**service_options)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the run.

    Its tests need `pytestmark = pytest.mark.asyncio(loop_scope="session")`.
    """
    async with running_chromium(require_program("chromium", "chromium")) as chromium:
        yield chromium
