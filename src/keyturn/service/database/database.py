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
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute

from keyturn.errors import Fault, SettingsInvalid
from keyturn.plain_files import make_private_folder
from keyturn.service.clock import now, replacing
from keyturn.service.database.servers import ServerConnections, engine_for_our_statements, open_engine
from keyturn.service.database.sqlite import PATIENCE, SqliteConnections, write_ahead
from keyturn.service.database.unready import describe_url, unready_where_unreachable
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.settings.database_urls import DatabaseUrl, read_url
from keyturn.service.settings.url_rules import database_fault

_Result = TypeVar("_Result")

_TIME = DateTimeUTC()

_HELD = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("name", type_=sa.String()), 0)))

_READ_ONLY = sa.text("SELECT current_setting('transaction_read_only') = 'on'")

Connections = SqliteConnections | ServerConnections
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Unready = Callable[[], AbstractContextManager[None]]

Moment = datetime | sa.ColumnElement[datetime]
"""A time, or one of `Database.clock`."""


class Model(DeclarativeBase):
    """The base of Keyturn's tables. Its registry is its own; the bases of Advanced Alchemy share theirs with an app."""

    if TYPE_CHECKING:
        __table__: ClassVar[sa.Table]

    registry = create_registry()


class DatabaseAccess:
    """Reads, and runs transactions.

    `seconds`: how long a caller waits, from its own arrival; None for no limit.
    `unready`: turns a driver's connection errors, and a TimeoutError, into the error for callers.
    """

    def __init__(self, connections: Connections, seconds: float | None, unready: Unready) -> None:
        self.connections = connections
        self.dialect = connections.dialect
        self._seconds = seconds
        self._unready = unready

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raise the error for callers if the block takes longer than they wait.

        A connection whose statement takes longer is closed, and not used again.
        """
        with self._unready():
            async with asyncio.timeout(self._seconds):
                yield

    async def fetch(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Sequence[sa.RowMapping]:
        """Return the rows of one statement that changes nothing. Build a frequent one once, and give its `values`."""
        return await self.read(lambda connection: connection.execute(statement, values).mappings().all())

    async def read(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Return the result of `work` outside of a transaction: on PostgreSQL each statement commits by itself."""
        async with self.in_time():
            return await self.connections.read(work)

    async def transact(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run `work` in a transaction, and return its result once committed. If it raises, all is rolled back.

        `work` is a plain function that executes statements, without other input or output and without slow work. On
        SQLite it runs in the writer's thread, with a server on the event loop, which continues between its statements.

        If the connection is lost at the commit, or the caller is cancelled, the outcome of the commit is unknown:
        `work` is never run a second time.
        """
        async with self.in_time():
            return await self.connections.transact(work)

    async def close(self) -> None:
        """Close the connections. Later work opens new ones, also in another event loop."""
        await self.connections.close()


class Database(DatabaseAccess):
    """Keyturn's own database. Raises DatabaseUnready if it cannot be reached."""

    def __init__(self, source: str | AsyncEngine, *, pool_size: int = 10, timeout: timedelta | None = None) -> None:
        """Open a URL, or share a PostgreSQL engine that its owner opened and will close. Raises SettingsInvalid.

        `timeout`: how long a caller waits for PostgreSQL, from its own arrival, including the wait for a connection;
        then it gets DatabaseUnready. The client measures it, since a frozen server or a silent network cannot. A
        migration has no limit. On SQLite a caller waits for a locked file for `sqlite.PATIENCE`.
        """
        self.is_shared = not isinstance(source, str)
        connections: Connections
        seconds = timeout.total_seconds() if timeout else None
        place = _read_ours(source) if isinstance(source, str) else source
        self.url = place.url
        if isinstance(place, DatabaseUrl) and place.kind == "sqlite":
            seconds, connections = PATIENCE if timeout else None, _open_file(place)
        else:
            engine = reads = _open_pool(place, pool_size, seconds) if isinstance(place, DatabaseUrl) else place
            if self.is_shared:
                reads = engine_for_our_statements(engine, "AUTOCOMMIT")
            connections = ServerConnections(engine_for_our_statements(engine), reads)
        self.where = describe_url(self.url)
        super().__init__(connections, seconds, partial(unready_where_unreachable, self.where))
        self.is_sqlite = self.dialect.name == "sqlite"

    async def execute(self, statement: sa.Executable, values: Values | None = None) -> Sequence[sa.Row[Any]]:
        """Execute one statement, for one set of values or for all of several, and commit; return the rows of one."""

        def execute(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            result = connection.execute(statement, values)
            return result.all() if result.returns_rows else []

        # PostgreSQL commits a statement that is outside of a transaction by itself: that takes one trip instead of
        # three. On an app's engine, such a statement would have the isolation of the app.
        run = self.transact if self.is_sqlite or self.is_shared else self.read
        return await run(execute)

    async def require_writable(self) -> None:
        """Raise DatabaseUnready if PostgreSQL takes no writes, as a standby does, or a primary that became one."""

        def look(connection: sa.Connection) -> None:
            if connection.scalar(_READ_ONLY):
                connection.invalidate()  # another server may be the primary now
                raise DatabaseUnready(f"the database takes no writes: {self.where}")

        if not self.is_sqlite:
            await self.read(look)

    def is_one_of(self, column: QueryableAttribute[Any], name: str) -> sa.ColumnElement[bool]:
        """Return the condition that a column is in `name`, a list of values: on PostgreSQL one array."""
        if self.is_sqlite:
            return column.in_(sa.bindparam(name, expanding=True))
        return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(column.type)))

    def clock(self, later: timedelta = timedelta(0)) -> sa.ColumnElement[datetime]:
        """Return the time that all machines share, plus `later`: for leases and locks, PostgreSQL's own.

        It is the statement's time, which an index search can use. SQLite's file has this machine's time.
        """
        if self.is_sqlite:
            return sa.bindparam(None, callable_=lambda: now() + later, type_=_TIME)
        instead = sa.bindparam(None, callable_=replacing, type_=_TIME)
        shared = sa.func.coalesce(instead, sa.func.statement_timestamp()) + sa.literal(later, sa.Interval())
        return sa.type_coerce(shared, _TIME)

    def hold(self, connection: sa.Connection, name: str) -> None:
        """Wait until other transactions release `name`; hold it until this one ends. SQLite has one writer anyway."""
        if not self.is_sqlite:
            connection.execute(_HELD, {"name": name})

    async def close(self) -> None:
        """Close the connections opened here. The database can be used again, also in another event loop."""
        if not self.is_shared:
            await super().close()


class Store:
    """Statements on Keyturn's own tables. A plain method executes them in the transaction that it is `within`.

    A coroutine needs none: it executes a statement, or a transaction, of its own.
    """

    connection: sa.Connection

    def within(self, connection: sa.Connection) -> Self:
        """Return this store for one transaction."""
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__, connection=connection)
        return bound


def _read_ours(address: str) -> DatabaseUrl:
    if message := database_fault(address, for_our_tables=True):
        raise SettingsInvalid([Fault("database.url", message)])
    return read_url(address, "database.url")


def _open_file(read: DatabaseUrl) -> SqliteConnections:
    if read.url.database:
        try:
            make_private_folder(Path(read.url.database).parent)
        except OSError as error:
            raise SettingsInvalid([Fault("database.url", f"its folder cannot be created: {error.strerror}")]) from None
    return SqliteConnections(read.url, write_ahead)


def _open_pool(read: DatabaseUrl, size: int, seconds: float | None) -> AsyncEngine:
    """Return an engine on which each statement commits by itself: requests and checks need no more.

    To say so for each connection would take SQLAlchemy as long as the statement.
    """
    return open_engine(read, "database.url", "postgres", seconds=seconds, pool_size=size, isolation_level="AUTOCOMMIT")
