"""Connections: to a file of SQLite in threads, and to servers: PostgreSQL, and an app's own MySQL
or MariaDB.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from ssl import SSLCertVerificationError
from threading import Event
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keyturn.errors import Fault, SettingsInvalid
from keyturn.extras import requires_extra
from keyturn.plain_files import make_private_file
from keyturn.service.database.unready import describe_error, first_cause, is_read_only
from keyturn.service.settings.database_urls import DatabaseUrl

PATIENCE = 30.0
"""Seconds to wait for a file that another process has locked."""

_WRITES = "keyturn-sqlite-writes"
_Result = TypeVar("_Result")


class SqliteConnections:
    """Reads in several threads, and writes in one, since a file has one writer: reads never wait
    for writes.
    """

    def __init__(self, url: URL, listen: Callable[[Engine], None]) -> None:
        arguments = {"isolation_level": None, "check_same_thread": False, "timeout": PATIENCE}
        self._engine = create_engine(
            url.set(drivername="sqlite"),
            connect_args=arguments,
            hide_parameters=True,
            poolclass=QueuePool,
            pool_use_lifo=True,
            max_overflow=-1,  # the threads are bounded already
        )
        listen(self._engine)
        self._writer = ThreadPoolExecutor(1, _WRITES)
        self.dialect = self._engine.dialect

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        def read() -> _Result:
            with self._engine.connect() as connection:
                return work(connection)

        return await asyncio.to_thread(read)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        given_up = Event()

        def write() -> _Result:
            with self._engine.begin() as connection:
                # At once, so that no transaction fails half way because another connection has
                # written.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(connection)
                if given_up.is_set():  # the caller was told that nothing was changed
                    connection.rollback()
                return result

        try:
            # With the context, as `asyncio.to_thread` does: log lines need the id of the request.
            return await asyncio.get_running_loop().run_in_executor(
                self._writer, copy_context().run, write
            )
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def close(self) -> None:
        writer, self._writer = self._writer, ThreadPoolExecutor(1, _WRITES)
        await asyncio.to_thread(writer.shutdown)
        self._engine.dispose()


def write_ahead(engine: Engine) -> None:
    """Use a write-ahead log, so that readers never wait for the writer, and wait for the disk at
    each commit.
    """

    @event.listens_for(engine, "do_connect")
    def make_file(_: object, __: object, arguments: Any, ___: object) -> None:
        # Before SQLite, which would let other users read it. The files of its log get the same
        # permissions (https://sqlite.org/src/file?name=src/os_unix.c, findCreateFileMode). SQLite
        # reports an error of its own.
        with contextlib.suppress(OSError):
            make_private_file(Path(arguments[0]))

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # Refused while another connection begins the log, or writes to a file without one. The file
        # then keeps its mode, or gets its log from that connection: both are safe.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # 202 means committed, even if the power fails right after
        # (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")


class ServerConnections:
    """Runs work over one pool with two engines: each statement of `reads` commits by itself."""

    def __init__(self, transactions: AsyncEngine, reads: AsyncEngine) -> None:
        self.dialect = transactions.dialect
        self.transactions = transactions
        self._reads = reads

        @event.listens_for(transactions.sync_engine, "handle_error")
        def replace_read_only(context: ExceptionContext) -> None:
            # The pool replaces its connections once a server takes no more writes: another may be
            # the primary.
            if is_read_only(context.original_exception):
                context.is_disconnect = True

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        async with self._reads.connect() as connection:
            return await connection.run_sync(work)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        async with self.transactions.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self.transactions.dispose()


def open_engine(
    read: DatabaseUrl, setting: str, extra: str, *, seconds: float | None, **options: Any
) -> AsyncEngine:
    """Return an engine for a server, whose driver is in the `extra`.

    `seconds`: how long a caller waits for all.
    """
    if seconds:
        # A wait for a connection ends before the caller's time is up: Python 3.11 may lose a
        # cancellation that coincides with a connection becoming free
        # (https://github.com/python/cpython/issues/86296).
        options["pool_timeout"] = seconds * 0.9
    options |= {
        "connect_args": read.arguments,
        "max_overflow": 0,
        "pool_pre_ping": True,
        "hide_parameters": True,
    }
    with requires_extra(extra, read.url.get_backend_name(), setting):
        engine = create_async_engine(read.url, **options)
    _refuse_what_no_driver_takes(engine.sync_engine, setting, read.roots)
    return engine


def _refuse_what_no_driver_takes(engine: Engine, setting: str, roots: str) -> None:
    """Make a connection raise SettingsInvalid for the setting if the driver cannot read the
    address.

    The driver's message is not repeated: it may hold a part of the password, past an "@" or a "?"
    that is not escaped.
    """

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except Exception as error:
            if isinstance(first_cause(error), SSLCertVerificationError):
                used = roots or "not set: this machine's roots"
                raise ConnectionError(f"{describe_error(error)} (sslrootcert is {used})") from None
            if isinstance(error, OSError) or not isinstance(error, TypeError | ValueError):
                raise
            message = (
                "the driver cannot read it: check the port, the text after the ?, and an @ "
                "that is not %40"
            )
            raise SettingsInvalid([Fault(setting, message)]) from None
