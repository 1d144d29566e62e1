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
# The locks are taken in the order of their numbers, so that two transactions that hold several
# names cannot deadlock.
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
            raise SettingsInvalid([Fault("database.url", message)])
        read = read_url(address, "database.url")
        self.url = read.url
        self.where = describe_url(read.url)
        self.is_sqlite = read.kind == "sqlite"
        unready = partial(unready_where_unreachable, self.where)
        if self.is_sqlite:
            super().__init__(_open_file(read), PATIENCE if timeout else None, unready)
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
            return result.all() if result.returns_rows else []

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

    def is_one_of(self, column: QueryableAttribute[Any], name: str) -> sa.ColumnElement[bool]:
        """Return the condition that a column has one of the values of the parameter `name`.

        PostgreSQL takes them as one array, so that it prepares one statement for any number.
        """
        if self.is_sqlite:
            return column.in_(sa.bindparam(name, expanding=True))
        return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(column.type)))

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
            raise SettingsInvalid(
                [Fault("database.url", f"its folder cannot be created: {error.strerror}")]
            ) from None
    return SqliteConnections(read.url, write_ahead)


def _open_pool(read: DatabaseUrl, seconds: float | None) -> ServerConnections:
    # Each statement commits by itself, unless the engine says otherwise: setting this for each
    # connection would take SQLAlchemy as long as the statement itself.
    options = {"pool_size": _CONNECTIONS, "isolation_level": "AUTOCOMMIT"}
    engine = open_engine(read, "database.url", "postgres", seconds=seconds, **options)
    return ServerConnections(engine.execution_options(isolation_level="READ COMMITTED"), engine)


def encoding(connection: sa.Connection) -> str:
    """Return the encoding of a PostgreSQL database; "" for another kind of database."""
    if connection.dialect.name != "postgresql":
        return ""
    return str(connection.scalar(_ENCODING))


# Waiting callers share one statement: a group commit for writes, one list of values for reads


@dataclass(eq=False)
class Batcher(Generic[_Item, _Result]):
    """Runs `execute` on all items that were submitted while the previous batch was running.

    `execute` returns one result for each item, in the same order; an exception among them is raised
    for its item alone. If a batch of several items fails, each item is tried alone once, so that
    one bad row does not fail the others. A KeyturnError, as of a database that is down, fails them
    all at once. A caller that is cancelled does not cancel its batch.

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
        """Return the result for `item`, once its batch is done.

        Raises what `execute` raised for it.
        """
        (result,) = await self.submit_all([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_all(self, items: Sequence[_Item]) -> Sequence[_Result | Exception]:
        """Return for each of the items what `submit` would return or raise."""
        # One loop awaits all: `gather` would cost a callback and a turn of the event loop for each
        # item.
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
                batch = self._waiting[: self.largest]
                self._waiting = self._waiting[self.largest :]
                results = await self._run([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():  # otherwise its caller was cancelled, or no longer waits
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
        alone: list[_Result | Exception] = []
        for item in items:
            alone += await self._run([item])
        return alone


# Statements that both databases share


def insert_into(model: type[Model], dialect: sa.Dialect) -> "sqlite.Insert | postgresql.Insert":
    if dialect.name == "sqlite":
        return sqlite.insert(model.__table__)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(model.__table__)


def insert_if(
    dialect: sa.Dialect, row: type[Model], names: Iterable[str], **computed: sa.ColumnElement[Any]
) -> Any:
    """Return an INSERT that writes a row if the parameter `wanted` is true, and else none.

    Both take the same work, so neither the statements nor their number tell an existing account
    from a missing one (OWASP ASVS 6.3.8). ON CONFLICT and RETURNING may be added.

    `names`: columns, each with a parameter of its name.
    `computed`: columns that the database computes.
    """
    columns = row.__table__.c
    given = {name: sa.bindparam(name, type_=columns[name].type) for name in names}
    values = given | computed
    chosen = sa.select(*values.values()).where(sa.bindparam("wanted", type_=sa.Boolean()))
    return insert_into(row, dialect).from_select(list(values), chosen)


def lookup(
    database: Database,
    rows: sa.Select[Any],
    key: QueryableAttribute[Any],
    read: Callable[[sa.RowMapping], _Result],
) -> Batcher[Any, _Result | None]:
    """Return a batcher whose `submit` finds the row of a key, or None.

    `rows`: selects the column `key`, and the columns that `read` needs.
    """
    statement = rows.where(database.is_one_of(key, "keys"))

    async def find(keys: Sequence[Any]) -> Sequence[_Result | None]:
        found = await database.fetch(statement, {"keys": list(set(keys))})
        results = {row[key.key]: read(row) for row in found}
        return [results.get(wanted) for wanted in keys]

    return Batcher(find, in_time=database.in_time)
