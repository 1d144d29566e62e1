"""Connections to an SQLite file, used in threads, and to servers.

A server is PostgreSQL, or an app's own MySQL or MariaDB.
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

from keyturn.errors import SettingsInvalid
from keyturn.extras import requires_extra
from keyturn.plain_files import make_private_file
from keyturn.service.database.unready import describe_error, first_cause, is_read_only
from keyturn.service.settings.database_urls import DatabaseUrl

PATIENCE = 30.0
"""Seconds to wait for a file that another process has locked."""

_WRITES = "keyturn-sqlite-writes"
_Result = TypeVar("_Result")


class SqliteConnections:
    """Reads in several threads and writes in one, since an SQLite file has a single writer.

    Reads never wait for writes.
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
                # The write lock is taken at the start: otherwise a transaction could fail half-way
                # because another connection has written.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(connection)
                if given_up.is_set():  # `Stores.transact` says that nothing was changed
                    connection.rollback()
                return result

        try:
            # The context goes with it, as in `asyncio.to_thread`: log lines need the request's id.
            in_context = copy_context().run
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._writer, in_context, write)
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def close(self) -> None:
        writer = self._writer
        self._writer = ThreadPoolExecutor(1, _WRITES)  # later work begins anew
        await asyncio.to_thread(writer.shutdown)
        self._engine.dispose()


def write_ahead(engine: Engine) -> None:
    """Use a write-ahead log, so that reads never wait for the writer.

    Each commit waits for the disk.
    """

    @event.listens_for(engine, "do_connect")
    def make_file(_: object, __: object, arguments: Any, ___: object) -> None:
        # The file is created here, since SQLite would let other users read it. The files of its log
        # get the same permissions (https://sqlite.org/src/file?name=src/os_unix.c,
        # findCreateFileMode). If this fails, SQLite reports its own error.
        with contextlib.suppress(OSError):
            make_private_file(Path(arguments[0]))

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # SQLite refuses this while another connection starts the log, or writes without one. The
        # file then gets the log from that connection, or stays without: both are safe.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # 202 means committed, even if the power fails right after
        # (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")


class ServerConnections:
    """Runs work on two engines that share a pool. On `reads`, each statement commits by itself."""

    def __init__(self, transactions: AsyncEngine, reads: AsyncEngine) -> None:
        self.dialect = transactions.dialect
        self.transactions = transactions
        self._reads = reads

        @event.listens_for(transactions.sync_engine, "handle_error")
        def replace_read_only(context: ExceptionContext) -> None:
            # If the server has become read-only, another one may be the primary by now. This makes
            # the pool replace its connections.
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
    """Return an engine for a server.

    `extra`: the extra of the package that installs the driver.
    `seconds`: how long a caller waits for all of its statements; None for no limit.
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
    """Raise SettingsInvalid for `setting`, on connecting, if the driver cannot read the address.

    The driver's message is not repeated: if the password has an "@" or a "?" that is not escaped,
    the message may show a part of it.
    """

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: object, arguments: Any, options: Any) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except Exception as error:
            if isinstance(first_cause(error), SSLCertVerificationError):
                used = roots or "not set: this machine's roots"
                raise ConnectionError(f"{describe_error(error)} (sslrootcert is {used})") from None
            is_about_address = isinstance(error, TypeError | ValueError)
            if isinstance(error, OSError) or not is_about_address:
                raise
            message = (
                "the driver cannot read it: check the port, the text after the ?, and an @ "
                "that is not %40"
            )
            raise SettingsInvalid.of(setting, message) from None
