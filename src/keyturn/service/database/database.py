"""Keyturn's own database: SQLite with a single writer, or PostgreSQL shared by many machines."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import sqlalchemy as sa
from advanced_alchemy.base import create_registry
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy.orm import DeclarativeBase

from keyturn.errors import SettingsInvalid
from keyturn.plain_files import make_private_folder
from keyturn.service.clock import now, replacing
from keyturn.service.database.connections import (
    PATIENCE,
    ServerConnections,
    SqliteConnections,
    open_engine,
    write_ahead,
)
from keyturn.service.database.unready import describe_url, unready_where_unreachable
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.settings.database_urls import DatabaseUrl, read_url
from keyturn.service.settings.url_rules import database_fault

_Result = TypeVar("_Result")

_CONNECTIONS = 10  # to PostgreSQL at a time
_TIME = DateTimeUTC()

_NAMES = sa.func.unnest(sa.bindparam("names", type_=sa.ARRAY(sa.String()))).column_valued("name")
# The locks are taken in the order of their numbers, so that two transactions that hold several
# names cannot deadlock.
_LOCKS = (
    sa.select(sa.func.hashtextextended(_NAMES, 0).label("lock"))
    .distinct()
    .order_by("lock")
    .subquery()
)
_HELD = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(_LOCKS.c.lock)))

_READ_ONLY = sa.text("SELECT current_setting('transaction_read_only') = 'on'")

Connections = SqliteConnections | ServerConnections
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Unready = Callable[[], AbstractContextManager[None]]

Moment = datetime | sa.ColumnElement[datetime]
"""A time, or an expression of `Database.clock`."""


class Model(DeclarativeBase):
    """The base of Keyturn's tables.

    It has a registry of its own: Advanced Alchemy's base classes share one with an app's tables.
    """

    if TYPE_CHECKING:
        __table__: ClassVar[sa.Table]

    registry = create_registry()


class DatabaseAccess:
    """Reads from a database, and runs transactions in it.

    `seconds`: how long a caller waits, counted from its arrival; None for no limit.
    `unready`: turns a driver's connection errors, and a TimeoutError, into the error for callers.
    """

    def __init__(self, connections: Connections, seconds: float | None, unready: Unready) -> None:
        self.connections = connections
        self.dialect = connections.dialect
        self._seconds = seconds
        self._unready = unready

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raise the error for callers if the block takes longer than `seconds`.

        The connection that the block was using is not used again.
        """
        with self._unready():
            async with asyncio.timeout(self._seconds):
                yield

    async def fetch(
        self, statement: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[sa.RowMapping]:
        """Return the rows of one statement that changes nothing.

        `values`: the parameters of this call. A frequent statement is built once and has them.
        """

        def fetch(connection: sa.Connection) -> Sequence[sa.RowMapping]:
            return connection.execute(statement, values).mappings().all()

        return await self.read(fetch)

    async def read(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Return the result of `work`, outside of a transaction.

        On PostgreSQL, each statement commits by itself.
        """
        async with self.in_time():
            return await self.connections.read(work)

    async def transact(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run `work` in a transaction, and return its result after the commit.

        If it raises, everything is rolled back.

        `work` is a plain function that executes statements. It does no other input or output, and
        nothing slow: on SQLite it runs in the writer's thread, with a server on the event loop,
        which continues between its statements. If the connection is lost at the commit, or the
        caller is cancelled, the outcome is unknown, and `work` is not run again.
        """
        async with self.in_time():
            return await self.connections.transact(work)

    async def close(self) -> None:
        """Close the connections. Later work opens new ones, also in another event loop."""
        await self.connections.close()


class Database(DatabaseAccess):
    """Keyturn's own database. Raises DatabaseUnready if it cannot be reached."""

    def __init__(self, address: str, *, timeout: timedelta | None = None) -> None:
        """Open the database of a URL. Raises SettingsInvalid.

        `timeout`: how long a caller waits for PostgreSQL, counted from its arrival, before it gets
        DatabaseUnready; None for no limit. The time is measured here, since neither a frozen server
        nor a silent network would end the wait. On SQLite, `connections.PATIENCE` takes its place.
        """
        message = database_fault(address, for_our_tables=True)
        if message:
            raise SettingsInvalid.of("database.url", message)
        read = read_url(address, "database.url")
        self.url = read.url
        self.where = describe_url(read.url)
        self.is_sqlite = read.kind == "sqlite"
        unready = partial(unready_where_unreachable, self.where)
        if self.is_sqlite:
            seconds = PATIENCE if timeout else None
            super().__init__(_open_file(read), seconds, unready)
        else:
            seconds = timeout.total_seconds() if timeout else None
            super().__init__(_open_pool(read, seconds), seconds, unready)

    async def execute(
        self, statement: sa.Executable, values: Values | None = None
    ) -> Sequence[sa.Row[Any]]:
        """Execute one statement and commit.

        `values`: one set of parameters, or several to execute it with each. Return the rows if it
        has any.
        """

        def execute(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            result = connection.execute(statement, values)
            if result.returns_rows:
                return result.all()
            return []

        # On PostgreSQL, a statement outside of a transaction commits by itself: one trip to the
        # server instead of three.
        run = self.transact if self.is_sqlite else self.read
        return await run(execute)

    async def require_writable(self) -> None:
        """Raise DatabaseUnready if PostgreSQL takes no writes, such as a standby."""

        def look(connection: sa.Connection) -> None:
            if connection.scalar(_READ_ONLY):
                connection.invalidate()  # another server may be the primary now
                raise DatabaseUnready(f"the database takes no writes: {self.where}")

        if not self.is_sqlite:
            await self.read(look)

    def clock(self, later: timedelta = timedelta(0)) -> sa.ColumnElement[datetime]:
        """Return the expression for the time that all machines share, plus `later`.

        On PostgreSQL it is the server's time at the start of the statement, on SQLite this
        machine's.
        """
        if self.is_sqlite:
            return sa.bindparam(None, callable_=lambda: now() + later, type_=_TIME)
        instead = sa.bindparam(None, callable_=replacing, type_=_TIME)
        shared = sa.func.coalesce(instead, sa.func.statement_timestamp())
        return sa.type_coerce(shared + sa.literal(later, sa.Interval()), _TIME)

    def hold(self, connection: sa.Connection, *names: str) -> None:
        """Wait until no other transaction holds the names, and hold them until this one ends.

        On SQLite nothing is needed: a file has a single writer.
        """
        if not self.is_sqlite:
            connection.execute(_HELD, {"names": list(names)})


class Store:
    """Statements on Keyturn's own tables.

    A plain method runs in the transaction that the store is `within`, a coroutine in its own.
    """

    connection: sa.Connection

    def within(self, connection: sa.Connection) -> Self:
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__, connection=connection)
        return bound


def _open_file(read: DatabaseUrl) -> SqliteConnections:
    if read.url.database:
        try:
            make_private_folder(Path(read.url.database).parent)
        except OSError as error:
            message = f"its folder cannot be created: {error.strerror}"
            raise SettingsInvalid.of("database.url", message) from None
    return SqliteConnections(read.url, write_ahead)


def _open_pool(read: DatabaseUrl, seconds: float | None) -> ServerConnections:
    # Each statement commits by itself, unless the engine says otherwise: setting this for each
    # connection would take SQLAlchemy as long as the statement itself.
    options = {"pool_size": _CONNECTIONS, "isolation_level": "AUTOCOMMIT"}
    engine = open_engine(read, "database.url", "postgres", seconds=seconds, **options)
    return ServerConnections(engine.execution_options(isolation_level="READ COMMITTED"), engine)
