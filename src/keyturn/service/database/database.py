"""Keyturn's own database: SQLite with a single writer, or PostgreSQL shared by many machines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import sqlalchemy as sa
from advanced_alchemy.base import create_registry
from advanced_alchemy.types import DateTimeUTC
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute

from keyturn.errors import Fault, KeyturnError, SettingsInvalid
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

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_CONNECTIONS = 10  # to PostgreSQL at a time
_TIME = DateTimeUTC()

_NAMES = sa.func.unnest(sa.bindparam("names", type_=sa.ARRAY(sa.String()))).column_valued("name")
# In the order of the locks themselves: two transactions that hold several names at once cannot
# deadlock.
_LOCKS = (
    sa.select(sa.func.hashtextextended(_NAMES, 0).label("lock"))
    .distinct()
    .order_by("lock")
    .subquery()
)
_HELD = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(_LOCKS.c.lock)))

_ENCODING = sa.text("SELECT current_setting('server_encoding')")
"""PostgreSQL's name for the encoding of a database
(https://www.postgresql.org/docs/current/multibyte.html).
"""

_READ_ONLY = sa.text("SELECT current_setting('transaction_read_only') = 'on'")

Connections = SqliteConnections | ServerConnections
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Unready = Callable[[], AbstractContextManager[None]]

Moment = datetime | sa.ColumnElement[datetime]
"""A time, or one of `Database.clock`."""


class Model(DeclarativeBase):
    """The base of Keyturn's tables.

    Its registry is its own; the bases of Advanced Alchemy share theirs with an app.
    """

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
        """Raise the error for callers if the block takes longer than they wait; its connection is
        not used again.
        """
        with self._unready():
            async with asyncio.timeout(self._seconds):
                yield

    async def fetch(
        self, statement: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[sa.RowMapping]:
        """Return the rows of one statement that changes nothing.

        Build a frequent one once, and give its `values`.
        """
        return await self.read(
            lambda connection: connection.execute(statement, values).mappings().all()
        )

    async def read(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Return the result of `work` outside of a transaction: on PostgreSQL each statement
        commits by itself.
        """
        async with self.in_time():
            return await self.connections.read(work)

    async def transact(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run `work` in a transaction, and return its result once committed.

        If it raises, all is rolled back.

        `work` is a plain function that executes statements, without other input or output and
        without slow work: on SQLite in the writer's thread, with a server on the event loop, which
        continues between its statements. If the connection is lost at the commit, or the caller is
        cancelled, the outcome is unknown: it runs once.
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

        `timeout`: how long a caller waits for PostgreSQL, from its own arrival; then it gets
        DatabaseUnready. It is measured here, since a frozen server or a silent network cannot. On
        SQLite it is `connections.PATIENCE`.
        """
        if message := database_fault(address, for_our_tables=True):
            raise SettingsInvalid([Fault("database.url", message)])
        read = read_url(address, "database.url")
        self.url, self.where, self.is_sqlite = (
            read.url,
            describe_url(read.url),
            read.kind == "sqlite",
        )
        unready = partial(unready_where_unreachable, self.where)
        if self.is_sqlite:
            super().__init__(_open_file(read), PATIENCE if timeout else None, unready)
        else:
            seconds = timeout.total_seconds() if timeout else None
            super().__init__(_open_pool(read, seconds), seconds, unready)

    async def execute(
        self, statement: sa.Executable, values: Values | None = None
    ) -> Sequence[sa.Row[Any]]:
        """Execute one statement, for one set of values or for all of several, and commit; return
        the rows of one.
        """

        def execute(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            result = connection.execute(statement, values)
            return result.all() if result.returns_rows else []

        # PostgreSQL commits a statement outside of a transaction by itself, in one trip instead of
        # three.
        run = self.transact if self.is_sqlite else self.read
        return await run(execute)

    async def require_writable(self) -> None:
        """Raise DatabaseUnready if PostgreSQL takes no writes, as a standby does, or a primary that
        became one.
        """

        def look(connection: sa.Connection) -> None:
            if connection.scalar(_READ_ONLY):
                connection.invalidate()  # another server may be the primary now
                raise DatabaseUnready(f"the database takes no writes: {self.where}")

        if not self.is_sqlite:
            await self.read(look)

    def is_one_of(self, column: QueryableAttribute[Any], name: str) -> sa.ColumnElement[bool]:
        """Return the condition that a column is in `name`, a list of values: on PostgreSQL one
        array.
        """
        if self.is_sqlite:
            return column.in_(sa.bindparam(name, expanding=True))
        return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(column.type)))

    def clock(self, later: timedelta = timedelta(0)) -> sa.ColumnElement[datetime]:
        """Return the time that all machines share, plus `later`: PostgreSQL's own, of the
        statement.
        """
        if self.is_sqlite:
            return sa.bindparam(None, callable_=lambda: now() + later, type_=_TIME)
        instead = sa.bindparam(None, callable_=replacing, type_=_TIME)
        shared = sa.func.coalesce(instead, sa.func.statement_timestamp()) + sa.literal(
            later, sa.Interval()
        )
        return sa.type_coerce(shared, _TIME)

    def hold(self, connection: sa.Connection, *names: str) -> None:
        """Wait until other transactions release the names; hold them until this one ends: one
        statement for all.

        SQLite has one writer anyway.
        """
        if not self.is_sqlite:
            connection.execute(_HELD, {"names": list(names)})


class Store:
    """Statements on Keyturn's own tables: plain methods in the transaction that they are `within`,
    coroutines alone.
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
            raise SettingsInvalid(
                [Fault("database.url", f"its folder cannot be created: {error.strerror}")]
            ) from None
    return SqliteConnections(read.url, write_ahead)


def _open_pool(read: DatabaseUrl, seconds: float | None) -> ServerConnections:
    # Each statement commits by itself, unless a transaction says otherwise: to say so for each
    # connection would take SQLAlchemy as long as the statement.
    options = {"pool_size": _CONNECTIONS, "isolation_level": "AUTOCOMMIT"}
    engine = open_engine(read, "database.url", "postgres", seconds=seconds, **options)
    return ServerConnections(engine.execution_options(isolation_level="READ COMMITTED"), engine)


def encoding(connection: sa.Connection) -> str:
    """Return PostgreSQL's name for the encoding of all texts of the database; "" for another kind
    of database.
    """
    if connection.dialect.name != "postgresql":
        return ""
    return str(connection.scalar(_ENCODING))


# Waiting callers share the trip of a statement: group commit for writes, one list of values for
# reads


@dataclass(eq=False)
class Batcher(Generic[_Item, _Result]):
    """Runs `execute` on everything that was submitted while the previous batch was under way.

    `execute` returns one result for each item, in the same order; an exception among them is raised
    for its item alone. If it fails for several, each is tried alone once, so that one bad row does
    not fail its neighbours; a KeyturnError, as of a database that is down, fails them all at once.
    A cancelled waiter cancels nothing.

    Before each batch, the event loop runs for as long as that brings more items, up to `largest`: a
    trip takes this process's own time, so a larger batch costs each item less.

    `pause`: seconds to wait before each batch, too.
    `in_time`: limits the wait of each caller, counted from its own arrival. Its items are still
    executed.
    """

    execute: Callable[[Sequence[_Item]], Awaitable[Sequence[_Result | Exception]]]
    _: KW_ONLY
    largest: int = 500
    pause: float = 0
    in_time: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

    def __post_init__(self) -> None:
        self._waiting: list[tuple[_Item, asyncio.Future[_Result | Exception]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: _Item) -> _Result:
        """Return the result for `item`, after the batch it joined is done.

        Raises what `execute` raised for it.
        """
        (result,) = await self.submit_all([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_all(self, items: Sequence[_Item]) -> Sequence[_Result | Exception]:
        """Return for each of the items what `submit` would return or raise."""
        # All wait for one batch: `gather` would cost a callback and a turn of the event loop for
        # each item.
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[_Result | Exception]] = [loop.create_future() for _ in items]
        self._waiting += zip(items, futures, strict=True)
        if self._running is None:
            self._running = loop.create_task(self._drain())
        async with self.in_time():
            return [await future for future in futures]

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_more()
                batch, self._waiting = self._waiting[: self.largest], self._waiting[self.largest :]
                results = await self._run([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():  # else its waiter was cancelled, or its wait is over
                        future.set_result(result)
        finally:
            self._running = None

    async def _wait_for_more(self) -> None:
        if self.pause:
            await asyncio.sleep(self.pause)
        seen = 0
        while seen < len(self._waiting) < self.largest:
            seen = len(self._waiting)
            await asyncio.sleep(0)

    async def _run(self, items: Sequence[_Item]) -> Sequence[_Result | Exception]:
        try:
            results = await self.execute(items)
            return [result for _, result in zip(items, results, strict=True)]
        except Exception as error:  # noqa: BLE001 - it belongs to the waiters, whatever it is
            if len(items) == 1 or isinstance(error, KeyturnError):
                return [error] * len(items)
            return [result for item in items for result in await self._run([item])]


# Statements that both databases share


def insert_into(model: type[Model], dialect: sa.Dialect) -> "sqlite.Insert | postgresql.Insert":
    if dialect.name == "sqlite":
        return sqlite.insert(model.__table__)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(model.__table__)


def insert_if(
    dialect: sa.Dialect, row: type[Model], names: Iterable[str], **computed: sa.ColumnElement[Any]
) -> Any:
    """Return `INSERT ...

    SELECT ... WHERE :wanted`, to which ON CONFLICT and RETURNING may be added.

    It writes a row or none with the same work, so neither the statements nor their number tell an
    existing account from a missing one (OWASP ASVS 6.3.8). Each of `names` is a column and a
    parameter; the database computes the others.
    """
    columns = row.__table__.c
    values = {name: sa.bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = sa.select(*values.values()).where(sa.bindparam("wanted", type_=sa.Boolean()))
    return insert_into(row, dialect).from_select(list(values), chosen)


def lookup(
    database: Database,
    rows: sa.Select[Any],
    key: QueryableAttribute[Any],
    read: Callable[[sa.RowMapping], _Result],
) -> Batcher[Any, _Result | None]:
    """Return what finds the row of a key, or None.

    `rows` selects the column `key` and what `read` needs.
    """
    statement = rows.where(database.is_one_of(key, "keys"))

    async def find(keys: Sequence[Any]) -> Sequence[_Result | None]:
        results = {
            row[key.key]: read(row)
            for row in await database.fetch(statement, {"keys": list(set(keys))})
        }
        return [results.get(wanted) for wanted in keys]

    return Batcher(find, in_time=database.in_time)
