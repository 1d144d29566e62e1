"""Another database than Keyturn's own: the app's, which is left as it is but for the rows that change."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from sqlalchemy import Connection, Engine, Executable, RowMapping, event
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keyturn.database import refuse_what_no_driver_takes, unready_where_unreachable
from keyturn.database.engines import SQLITE_ARGUMENTS
from keyturn.database.kept_connections import KeptConnections
from keyturn.database.lost_connections import replace_lost_connections
from keyturn.database.sqlite_threads import SqliteThreads
from keyturn.database.unready import is_rolled_back
from keyturn.database.urls import DatabaseUrl, read_url
from keyturn.database.wording import describe_error, describe_url
from keyturn.errors import AccountsUnready, DatabaseUnready, Fault, SettingsInvalid
from keyturn.packaging import requires_extra

_Result = TypeVar("_Result")

_DRIVERS = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}
"""One dialect for MySQL and MariaDB: what is asked of them here is the same."""

_EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": ""}
"""The extra that brings the driver."""

_CONNECTIONS, _KEPT = 5, 1
"""To a server at once; and of those how many stay open outside the pool to read by, on PostgreSQL."""

PATIENCE = timedelta(seconds=10)
"""Until a server is, with all that is asked of it at once: it may be gone, or the app may hold a lock."""


class AppDatabase:
    """Reads, and runs transactions, as `Database` does.

    `where` is the database in words, without user and password.

    All raise AccountsUnready, also where they take longer than `patience`. The time is kept on this side: PgBouncer
    refuses a connection that asks for time-outs, and a server that is gone keeps none. A file that the app has locked
    is waited for for half a minute, by who closes this, too, while somebody reads.
    """

    def __init__(self, url: str, patience: timedelta = PATIENCE) -> None:
        read = read_url(url, "accounts.table.url")
        self.engine = _engine(read, patience.total_seconds())
        self.where = describe_url(read.url)
        self._seconds = None if read.kind == "sqlite" else patience.total_seconds()
        self._kept = KeptConnections(self.engine, _KEPT if read.kind == "postgresql" else 0)
        self._threads = (
            SqliteThreads(self.engine.url, SQLITE_ARGUMENTS, _look_at_file_first) if read.kind == "sqlite" else None
        )

    async def fetch(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        return await self.read(lambda connection: connection.execute(statement, given).mappings().all())

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        with _accounts_unready(self.where):
            async with asyncio.timeout(self._seconds or SQLITE_ARGUMENTS["timeout"]):
                return await (self._threads or self._kept).read(work)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        with _accounts_unready(self.where):
            if self._threads:
                return await self._threads.transact(work)
            async with asyncio.timeout(self._seconds), self.engine.begin() as connection:
                return await connection.run_sync(work)

    async def close(self) -> None:
        await self._kept.close()
        await self.engine.dispose()
        if self._threads:
            await self._threads.close()


@contextmanager
def _accounts_unready(place: str) -> Iterator[None]:
    try:
        with unready_where_unreachable(place):
            yield
    except DatabaseUnready as error:
        # What drivers say may name the user, never the password. It is for logs and the command line: no client is
        # told the reason of a 503.
        cause = error.__cause__
        undone = isinstance(cause, DBAPIError) and is_rolled_back(cause)
        what = "has undone the transaction" if undone else f"cannot be reached: {place}"
        raise AccountsUnready(f"the database of the accounts {what}: {describe_error(cause or error)}") from cause


def _engine(read: DatabaseUrl, seconds: float) -> AsyncEngine:
    options = _options(read, seconds)
    try:
        with requires_extra(_EXTRAS[read.kind], read.url.get_backend_name(), "accounts.table.url"):
            engine = create_async_engine(hide_parameters=True, pool_size=_CONNECTIONS, max_overflow=0, **options)
    except (ArgumentError, TypeError, ValueError):
        raise _fault("not a database address") from None
    if read.kind == "sqlite":
        _look_at_file_first(engine.sync_engine)
        event.listen(engine.sync_engine, "begin", _begin)
    if read.kind == "postgresql":
        replace_lost_connections(engine)
    refuse_what_no_driver_takes(engine, "accounts.table.url", read.roots)
    return engine


def _options(read: DatabaseUrl, seconds: float) -> dict[str, Any]:
    if read.kind == "sqlite":
        if not read.url.database:
            raise _fault("names no file")
        # "rw": a mistyped name must not become a new and empty database (https://sqlite.org/uri.html).
        file = read.url.set(database=f"file:{quote(str(Path(read.url.database).absolute()))}")
        return {"url": file.update_query_dict({"mode": "rw", "uri": "true"}), "connect_args": SQLITE_ARGUMENTS}
    # Who waits for one of the connections is told before the time is up: Python 3.11 may lose a cancellation that meets
    # with one's coming free (https://github.com/python/cpython/issues/86296).
    url = read.url.set(drivername=_DRIVERS[read.kind])
    asks = {"pool_pre_ping": read.kind == "mysql", "pool_timeout": seconds / 2}
    return {"url": url, "connect_args": read.arguments, **asks}


def _look_at_file_first(engine: Engine) -> None:
    """Have a connection raise what is wrong with the file before aiosqlite's thread does, which tells a closed loop."""
    file = str(engine.url.database)

    @event.listens_for(engine, "do_connect")
    def look(*_: Any) -> None:
        path = Path(unquote(file.removeprefix("file:")))
        try:
            path.stat()
        except FileNotFoundError:
            if path.is_relative_to(Path.cwd()) and (flasks := Path("instance", path.relative_to(Path.cwd()))).is_file():
                raise FileNotFoundError(f"No such file; Flask's is in instance: write sqlite:///{flasks}") from None
            raise
        with closing(sqlite3.connect(f"{file}?mode=rw", uri=True)):
            pass


def _begin(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # as in `database`: the lock first, and no failure half way


def _fault(message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault("accounts.table.url", message)])
