"""One engine for both databases: SQLite with a single writer, PostgreSQL shared by many machines."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    MetaData,
    RowMapping,
    bindparam,
    event,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from keyturn.database.lost_connections import replace_lost_connections
from keyturn.database.sqlite_locks import try_until_free
from keyturn.database.sqlite_threads import SqliteThreads
from keyturn.database.urls import DatabaseUrl, read_url
from keyturn.database.utc_datetime import UtcDateTime
from keyturn.database.wording import describe_error
from keyturn.errors import DatabaseUnready, Fault, SettingsInvalid
from keyturn.packaging import requires_extra
from keyturn.settings.private_files import make_private_file, make_private_folder

_UNREACHABLE = ("08", "28", "3D", "53", "57")
"""Classes of SQLSTATE (PostgreSQL's manual, appendix A): no connection, no authorization, no such database, no
resources, and an operator's hand, which is also what a server says while it starts or stops."""


_SQLITE_ARGUMENTS = {"timeout": 30, "isolation_level": None}

_SECONDS_TO_BEGIN_A_LOG = 1

_TIME = UtcDateTime()

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
    """Opens connections to read by, and transactions that the caller commits by name.

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
        """
        engine = _open_engine(source, pool_size, timeout) if isinstance(source, str) else source
        self.is_shared = engine is source
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.schema = schema
        self.engine = _engine_for_our_statements(engine, schema) if self.is_shared or schema else engine
        self._session = async_sessionmaker(self.engine, expire_on_commit=False)
        self._seconds = timeout.total_seconds() if timeout and self.is_shared else None
        self._writer = asyncio.Lock() if self.is_sqlite else None
        self._threads: SqliteThreads | None = None
        if self.is_sqlite:
            _configure_sqlite(self.engine.sync_engine)
            event.listen(self.engine.sync_engine, "begin", _begin_writing)
            if engine.url.database not in {None, "", ":memory:"}:  # of one in memory there is this engine's alone
                self._threads = SqliteThreads(engine.url, _SQLITE_ARGUMENTS, _configure_sqlite)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection outside any transaction. Raises DatabaseUnready where none is to be had."""
        with unready_where_unreachable():
            async with asyncio.timeout(self._seconds), self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def fetch(self, statement: Executable) -> Sequence[RowMapping]:
        """Return the rows of one statement, outside any transaction. Raises DatabaseUnready."""
        if not self._threads:
            async with self.connection() as connection:
                return (await connection.execute(statement)).mappings().all()
        with unready_where_unreachable():
            return await self._threads.fetch(statement)

    async def execute_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute one statement for each of the rows, all or none of them, and commit. Raises DatabaseUnready."""
        if self._threads and self._writer:
            with unready_where_unreachable():
                async with self._writer:
                    await self._threads.execute_many(statement, rows)
        elif self.is_sqlite:
            async with self.transaction() as session:
                await (await session.connection()).execute(statement, rows)
                await session.commit()
        else:
            # One trip, without BEGIN and COMMIT: asyncpg sends them all at once, and as a transaction
            # (https://magicstack.github.io/asyncpg/current/api/index.html, Connection.executemany).
            async with self.connection() as connection:
                await connection.execute(statement, rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Yield a session; what was not committed by name when it ends is rolled back."""
        with unready_where_unreachable():
            async with asyncio.timeout(self._seconds), AsyncExitStack() as stack:
                if self._writer:
                    await stack.enter_async_context(self._writer)
                yield await stack.enter_async_context(self._session())

    def clock(self, later: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return the time that all machines share, or that much later: of leases and locks, PostgreSQL's own.

        It is that of the statement, which an index can be searched by. SQLite's file is on this machine, whose time it
        is when the statement is executed.
        """
        if self.is_sqlite:
            return bindparam(None, callable_=lambda: now() + later, type_=_TIME)
        return type_coerce(func.statement_timestamp() + literal(later), _TIME)

    async def hold(self, session: AsyncSession, name: str) -> None:
        """Wait until no other transaction holds `name`; hold it until this one ends. SQLite has one writer anyway."""
        if not self.is_sqlite:
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    async def close(self) -> None:
        """Close what was opened here. It may be used again, in another event loop too."""
        if not self.is_shared:
            await self.engine.dispose()
        if self._threads:
            await self._threads.close()
        self._writer = asyncio.Lock() if self.is_sqlite else None  # one that was waited for belongs to that loop


class unready_where_unreachable:  # noqa: N801 - reads as the words of a `with` statement
    """Turn "cannot connect" and "connection lost" into DatabaseUnready; leave every other error as it is."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        unreachable = (OperationalError, InterfaceError, PoolExhausted, OSError, TimeoutError)
        if isinstance(error, unreachable) or (isinstance(error, DBAPIError) and _is_lost(error)):
            reason = describe_error(error)
            raise DatabaseUnready(f"the database cannot be reached, or has not been migrated: {reason}") from error


def _is_lost(error: DBAPIError) -> bool:
    no_database = type(error) is DatabaseError  # SQLite's word for a file that is none, or is damaged
    state = str(getattr(error.orig, "sqlstate", ""))
    return error.connection_invalidated or no_database or state.startswith(_UNREACHABLE)


def now() -> datetime:
    return datetime.now(UTC)


def _open_engine(text: str, pool_size: int, timeout: timedelta | None) -> AsyncEngine:
    read = read_url(text, "database.url")
    if read.kind == "mysql":
        raise SettingsInvalid([Fault("database.url", "must begin with sqlite:// or postgresql://")])
    options = _engine_options(read, pool_size, timeout)
    with requires_extra("postgres", "postgresql", "database.url"):
        engine = create_async_engine(read.url, hide_parameters=True, **options)
    if read.kind == "sqlite":
        _keep_file_private(engine)
    else:
        replace_lost_connections(engine)
        _throw_frozen_away(engine)
    refuse_what_no_driver_takes(engine, "database.url")
    return engine


def _keep_file_private(engine: AsyncEngine) -> None:
    """Make SQLite's file before SQLite does, which would let others read it.

    The files of its log have the rights of this one (https://sqlite.org/src/file?name=src/os_unix.c,
    findCreateFileMode). Of what cannot be made, SQLite tells.
    """

    @event.listens_for(engine.sync_engine, "do_connect")
    def make_file(_: object, __: object, arguments: Any, ___: object) -> None:
        file = str(arguments[0])
        if not file.startswith((":memory:", "file:")):
            with contextlib.suppress(OSError):
                make_private_file(Path(file))


def refuse_what_no_driver_takes(engine: AsyncEngine, setting: str) -> None:
    """Make a connection raise SettingsInvalid by the setting where its driver cannot read the address.

    What the driver says may hold a part of it, and a password has parts after an "@" or a "?" that was not escaped.
    """

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except OSError:  # a certificate that is not valid is one, and a ValueError as well
            raise
        except (TypeError, ValueError):
            message = "the driver cannot read it: look at the port, what follows the ?, and for an @ that is not %40"
            raise SettingsInvalid([Fault(setting, message)]) from None


def _engine_for_our_statements(engine: AsyncEngine, schema: str) -> AsyncEngine:
    """Return the engine, over the same pool, with what Keyturn's own statements need and nobody else's get.

    They are written for READ COMMITTED and for real transactions, which another app's engine need not have.
    """
    options: dict[str, Any] = {"schema_translate_map": {None: schema}} if schema else {}
    ours = engine.execution_options(isolation_level="READ COMMITTED", **options)
    ours.sync_engine.hide_parameters = True  # among them are hashes of passwords, and addresses
    return ours


def _throw_frozen_away(engine: AsyncEngine) -> None:
    """Have a connection closed whose statement took too long: its answer may still come, to the next who asks."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def is_lost(context: Any) -> None:
        if isinstance(context.original_exception, TimeoutError):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False  # the others are asked by themselves


def _engine_options(read: DatabaseUrl, pool_size: int, timeout: timedelta | None) -> dict[str, Any]:
    if read.kind == "postgresql":
        seconds = timeout.total_seconds() if timeout else None
        limits = {"timeout": seconds, "command_timeout": seconds} if seconds else {}
        # Who waits for a connection of the pool waits no longer than the one that has it may.
        waits = {"pool_timeout": seconds} if seconds else {}
        arguments = {**limits, **read.arguments}
        return {
            "connect_args": arguments, "pool_size": pool_size, "max_overflow": 0, **waits,
        }  # fmt: skip
    if read.url.database and read.url.database != ":memory:":
        try:
            make_private_folder(Path(read.url.database).parent)
        except OSError as error:
            raise SettingsInvalid([Fault("database.url", f"its folder cannot be made: {error.strerror}")]) from None
    return {"connect_args": _SQLITE_ARGUMENTS}


def _configure_sqlite(engine: Any) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        try:
            cursor = connection.cursor()
            # With the write-ahead log, readers never wait for the writer; FULL, because a 202 means committed, also
            # when the power fails the moment after (https://sqlite.org/pragma.html#pragma_synchronous).
            # A file that is new is made one with a log by whoever comes first, and SQLite lets nobody else wait for it.
            try_until_free(lambda: cursor.execute("PRAGMA journal_mode = WAL"), _SECONDS_TO_BEGIN_A_LOG)
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()
        except BaseException:  # the file is no database: its connection has a thread, which nobody else would end
            connection.close()
            raise


def _begin_writing(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return  # a reader, which takes no lock
    # A transaction here is one that writes. Taking the lock at its start means it never fails half way with
    # SQLITE_BUSY because somebody wrote after it had read (https://sqlite.org/lang_transaction.html).
    connection.exec_driver_sql("BEGIN IMMEDIATE")
