"""One engine for both databases: SQLite with a single writer, PostgreSQL shared by many machines."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Executable,
    MetaData,
    Row,
    RowMapping,
    String,
    any_,
    bindparam,
    event,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute

from keyturn.database.engines import (
    SQLITE_ARGUMENTS,
    begin_writing,
    configure_sqlite,
    engine_for_our_statements,
    keep_file_private,
    open_engine,
)
from keyturn.database.kept_connections import KeptConnections
from keyturn.database.sqlite_threads import SqliteThreads, returned
from keyturn.database.unready import unready_where_unreachable
from keyturn.database.utc_datetime import UtcDateTime
from keyturn.database.wording import describe_url
from keyturn.errors import Fault, SettingsInvalid

_TIME = UtcDateTime()

_HELD = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name", type_=String()), 0)))

_SHARE_KEPT = 4
"""Of so many connections of the pool, one may be kept for statements by themselves."""

_Result = TypeVar("_Result")

Moment = datetime | ColumnElement[datetime]
"""A time, or one of `Database.clock`."""


class Model(DeclarativeBase):
    """Where Keyturn's tables are declared: a metadata of its own, so that it meets nobody else's."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: _TIME}  # noqa: RUF012 - SQLAlchemy's own contract


class Database:
    """Reads, and runs transactions.

    SQLite takes one writer at a time: writers of this process queue here, in turn, instead of asleep on the file's
    lock in two dozen threads.
    """

    def __init__(
        self, source: str | AsyncEngine, *, pool_size: int = 10, schema: str = "", timeout: timedelta | None = None
    ) -> None:
        """Open a URL, or share an engine of PostgreSQL's that somebody else opened and will close.

        `schema` is PostgreSQL's: every `Table` without a schema is found there, and so each of Keyturn's. A bare name
        (`sqlalchemy.table`) is looked for along the connection's search path as ever, and so an app's.

        `timeout` is how long PostgreSQL may take to connect and for each statement, DatabaseUnready after it. The time
        is kept on this side: a server that froze, or a network that swallows, keeps none. A migration has none. Of an
        engine that somebody else opened it is the time of a connection or a transaction as a whole.

        Raises SettingsInvalid for a schema of SQLite's, or an address that cannot be opened.
        """
        engine = open_engine(source, pool_size, timeout) if isinstance(source, str) else source
        self.is_shared = engine is source
        self.is_sqlite = engine.dialect.name == "sqlite"
        if schema and self.is_sqlite:
            raise SettingsInvalid([Fault("database.schema", "is set, but only PostgreSQL has schemas")])
        self.schema = schema
        self.where = describe_url(engine.url)
        self.engine = engine_for_our_statements(engine, schema) if self.is_shared or schema else engine
        self._seconds = timeout.total_seconds() if timeout and self.is_shared else None
        self._writer = asyncio.Lock() if self.is_sqlite else None
        self._threads: SqliteThreads | None = None
        # Of an app's pool all is left to the app; of one of our own, most is for transactions.
        self._kept = KeptConnections(self.engine, 0 if self.is_sqlite or self.is_shared else pool_size // _SHARE_KEPT)
        if self.is_sqlite:
            configure_sqlite(self.engine.sync_engine)
            event.listen(self.engine.sync_engine, "begin", begin_writing)
            if engine.url.database not in {None, "", ":memory:"}:  # of one in memory there is this engine's alone
                self._threads = SqliteThreads(engine.url, SQLITE_ARGUMENTS, keep_file_private, configure_sqlite)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection outside any transaction. Raises DatabaseUnready where none is to be had."""
        with unready_where_unreachable(self.where):
            async with asyncio.timeout(self._seconds), self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def fetch(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        """Return the rows of one statement that changes nothing. Raises DatabaseUnready.

        A statement that is executed often is built once, and `given` its values each time: SQLAlchemy takes several
        times as long to see that two statements are the same as SQLite takes to answer one.
        """
        return await self.read(lambda connection: connection.execute(statement, given).mappings().all())

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Return what `work` returns, which changes nothing and needs no transaction. Raises DatabaseUnready.

        If the connection is lost meanwhile, `work` is called a second time.
        """
        with unready_where_unreachable(self.where):
            async with asyncio.timeout(self._seconds):
                return await (self._threads or self._kept).read(work)

    async def execute(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Execute one statement and commit; return the rows that it returns. Raises DatabaseUnready.

        A caller that is cancelled meanwhile does not know what became of it.
        """
        # Without a transaction PostgreSQL would take the isolation that its server, or an app, has as the default.
        if not self._threads and (self.is_sqlite or self.is_shared or self.schema):
            return await self.transact(lambda connection: returned(connection.execute(statement, given)))
        # One trip: a statement without BEGIN and COMMIT is a transaction
        # (https://www.postgresql.org/docs/current/tutorial-transactions.html).
        with unready_where_unreachable(self.where):
            async with self._turn():
                return await (self._threads or self._kept).execute(statement, given)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run `work` in a transaction, and return what it returns: committed. If it raises, all is rolled back.

        `work` is a plain function that executes statements: it must do no other input or output, and nothing that
        takes long. On SQLite it runs in the thread of the one writer, on PostgreSQL on the event loop, between whose
        statements the loop goes on. What else a change needs is gathered before, and what follows is done after.

        Raises DatabaseUnready. If the connection is lost at the commit, or the caller is cancelled meanwhile, nobody
        knows whether it was committed: `work` is never run a second time.
        """
        with unready_where_unreachable(self.where):
            async with asyncio.timeout(self._seconds), self._turn():
                if self._threads:
                    return await self._threads.transact(work)
                async with self.engine.begin() as connection:
                    return await connection.run_sync(work)

    def _turn(self) -> AbstractAsyncContextManager[object]:
        return self._writer or nullcontext()

    def is_one_of(self, column: QueryableAttribute[Any], name: str) -> ColumnElement[bool]:
        """Return the condition that a column is among the values that are given as `name`, a list, at each execution.

        On PostgreSQL they are one array, so that it is one statement to prepare for any number of them.
        """
        if self.is_sqlite:
            return column.in_(bindparam(name, expanding=True))
        return column == any_(bindparam(name, type_=ARRAY(column.type)))

    def clock(self, later: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return the time that all machines share, or that much later: of leases and locks, PostgreSQL's own.

        It is that of the statement, which an index can be searched by. SQLite's file is on this machine, whose time it
        is when the statement is executed.
        """
        if self.is_sqlite:
            return bindparam(None, callable_=lambda: now() + later, type_=_TIME)
        return type_coerce(func.statement_timestamp() + literal(later), _TIME)

    def hold(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction holds `name`; hold it until this one ends. SQLite has one writer anyway."""
        if not self.is_sqlite:
            connection.execute(_HELD, {"name": name})

    async def close(self) -> None:
        """Close what was opened here. It may be used again, in another event loop too."""
        await self._kept.close()
        if not self.is_shared:
            await self.engine.dispose()
        if self._threads:
            await self._threads.close()
        self._writer = asyncio.Lock() if self.is_sqlite else None  # one that was waited for belongs to that loop


def now() -> datetime:
    return datetime.now(UTC)
