"""Connections to a file of SQLite: SQLAlchemy's synchronous engine, in threads."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from keyturn.plain_files import make_private_file

PATIENCE = 30.0
"""Seconds to wait for a file that another process has locked."""

_WRITES = "keyturn-sqlite-writes"

_Result = TypeVar("_Result")


class SqliteConnections:
    """Reads in several threads, and writes in one, since a file has one writer: reads never wait for writes.

    A transaction is one trip to a thread. An asynchronous driver takes one a statement, and three times the work.
    """

    def __init__(self, url: URL, listen: Callable[[Engine], None]) -> None:
        """`listen`: attaches event listeners to the engine."""
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
                # At once, so that no transaction fails half way because another connection has written.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(connection)
                if given_up.is_set():
                    raise _GivenUp  # the transaction is rolled back
                return result

        try:
            # With the context, as `asyncio.to_thread` does: log lines need the id of the request.
            return await asyncio.get_running_loop().run_in_executor(self._writer, copy_context().run, write)
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def close(self) -> None:
        """Wait for the write that is under way, and close the connections. Later work opens them again."""
        writer, self._writer = self._writer, ThreadPoolExecutor(1, _WRITES)
        await asyncio.to_thread(writer.shutdown)
        self._engine.dispose()


class _GivenUp(Exception):
    """The caller no longer waits, and was told that nothing was changed."""


def write_ahead(engine: Engine) -> None:
    """Use a write-ahead log, so that readers never wait for the writer, and wait for the disk at each commit."""

    @event.listens_for(engine, "do_connect")
    def make_file(_: object, __: object, arguments: Any, ___: object) -> None:
        # Before SQLite, which would let other users read it. The files of its log get the same permissions
        # (https://sqlite.org/src/file?name=src/os_unix.c, findCreateFileMode). SQLite reports an error of its own.
        with contextlib.suppress(OSError):
            make_private_file(Path(arguments[0]))

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # Refused while another connection begins the log, or writes to a file without one. The file then keeps its
        # mode, or gets its log from that connection: both are safe.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # 202 means committed, even if the power fails right after (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
