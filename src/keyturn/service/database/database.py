"""Keyturn's own database: SQLite with a single writer, or PostgreSQL shared by many machines."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import sqlalchemy as sa
from advanced_alchemy.base import create_registry
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute

from keyturn.errors import Fault, SettingsInvalid
from keyturn.plain_files import make_private_folder
from keyturn.service.clock import now, replacing
from keyturn.service.database.batching import Batcher
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

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_Result = TypeVar("_Result")

_CONNECTIONS = 10  # to PostgreSQL at a time
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
        """Raise the error for callers if the block takes longer than they wait; its connection is not used again."""
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
        If the connection is lost at the commit, or the caller is cancelled, the outcome is unknown: it runs once.
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

        `timeout`: how long a caller waits for PostgreSQL, from its own arrival; then it gets DatabaseUnready. It is
        measured here, since a frozen server or a silent network cannot. On SQLite it is `connections.PATIENCE`.
        """
        if message := database_fault(address, for_our_tables=True):
            raise SettingsInvalid([Fault("database.url", message)])
        read = read_url(address, "database.url")
        self.url, self.where, self.is_sqlite = read.url, describe_url(read.url), read.kind == "sqlite"
        unready = partial(unready_where_unreachable, self.where)
        if self.is_sqlite:
            super().__init__(_open_file(read), PATIENCE if timeout else None, unready)
        else:
            seconds = timeout.total_seconds() if timeout else None
            super().__init__(_open_pool(read, seconds), seconds, unready)

    async def execute(self, statement: sa.Executable, values: Values | None = None) -> Sequence[sa.Row[Any]]:
        """Execute one statement, for one set of values or for all of several, and commit; return the rows of one."""

        def execute(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            result = connection.execute(statement, values)
            return result.all() if result.returns_rows else []

        # PostgreSQL commits a statement outside of a transaction by itself, in one trip instead of three.
        run = self.transact if self.is_sqlite else self.read
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
        """Return the time that all machines share, plus `later`: PostgreSQL's own, of the statement."""
        if self.is_sqlite:
            return sa.bindparam(None, callable_=lambda: now() + later, type_=_TIME)
        instead = sa.bindparam(None, callable_=replacing, type_=_TIME)
        shared = sa.func.coalesce(instead, sa.func.statement_timestamp()) + sa.literal(later, sa.Interval())
        return sa.type_coerce(shared, _TIME)

    def hold(self, connection: sa.Connection, name: str) -> None:
        """Wait until other transactions release `name`; hold it until this one ends. SQLite has one writer anyway."""
        if not self.is_sqlite:
            connection.execute(_HELD, {"name": name})


class Store:
    """Statements on Keyturn's own tables: plain methods in the transaction that they are `within`, coroutines alone."""

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
            raise SettingsInvalid([Fault("database.url", f"its folder cannot be created: {error.strerror}")]) from None
    return SqliteConnections(read.url, write_ahead)


def _open_pool(read: DatabaseUrl, seconds: float | None) -> ServerConnections:
    # Each statement commits by itself, unless a transaction says otherwise: to say so for each connection would take
    # SQLAlchemy as long as the statement.
    options = {"pool_size": _CONNECTIONS, "isolation_level": "AUTOCOMMIT"}
    engine = open_engine(read, "database.url", "postgres", seconds=seconds, **options)
    return ServerConnections(engine.execution_options(isolation_level="READ COMMITTED"), engine)


# Statements that both databases share


def insert_into(model: type[Model], dialect: sa.Dialect) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT into the model's table, to which ON CONFLICT can be added."""
    if dialect.name == "sqlite":
        return sqlite.insert(model.__table__)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(model.__table__)


def insert_if(dialect: sa.Dialect, row: type[Model], names: Iterable[str], **computed: sa.ColumnElement[Any]) -> Any:
    """Return `INSERT ... SELECT ... WHERE :wanted`, to which ON CONFLICT and RETURNING may be added.

    It writes a row or none with the same work, so neither the statements nor their number tell an existing account from
    a missing one (OWASP ASVS 6.3.8). Each of `names` is a column and a parameter; the database computes the others.
    """
    columns = row.__table__.c
    values = {name: sa.bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = sa.select(*values.values()).where(sa.bindparam("wanted", type_=sa.Boolean()))
    return insert_into(row, dialect).from_select(list(values), chosen)


def lookup(
    database: Database, rows: sa.Select[Any], key: QueryableAttribute[Any], read: Callable[[sa.RowMapping], _Result]
) -> Batcher[Any, _Result | None]:
    """Return what finds the row of a key, or None. `rows` selects the column `key` and what `read` needs."""
    statement = rows.where(database.is_one_of(key, "keys"))

    async def find(keys: Sequence[Any]) -> Sequence[_Result | None]:
        results = {row[key.key]: read(row) for row in await database.fetch(statement, {"keys": list(set(keys))})}
        return [results.get(wanted) for wanted in keys]

    return Batcher(find, gathers=database.is_sqlite, in_time=database.in_time)
