"""Runs work on SQLite in a few threads: each piece of work is one trip to a thread."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, NullPool, Row, StaticPool, create_engine, event
from sqlalchemy.exc import OperationalError

from keyturn.plain_files import make_private_file

PATIENCE = 30.0
"""Seconds to wait for a file that another process has locked."""

_READERS = 4

_STEP = 0.0005
"""Seconds between two attempts to write to a file that another process has locked."""

_SECONDS_TO_BEGIN_A_LOG = 1
_SECONDS_TO_COMMIT = 5

_PRIMARY = 0xFF
"""The bits of a result code for the error itself; higher bits give the reason (https://sqlite.org/rescode.html)."""

_Result = TypeVar("_Result")

Configure = Callable[[Engine], None]
"""Attaches event listeners to an engine's connections."""


def returned(connection: Connection, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
    """Return the rows of a statement; an empty list for a statement without rows."""
    result = connection.execute(statement, given)
    return result.all() if result.returns_rows else []


class SqliteConnections:
    """Runs reads in a few threads, and writes in one, since the file has one writer: reads never wait for writes.

    A trip to a thread takes several times as long as a small statement, so a transaction is one trip from BEGIN to
    COMMIT. Each thread's connection stays open: a round trip to a pool takes SQLAlchemy as long as a small statement
    with its commit. A database in memory has one connection and one thread.

    `new_executor` makes the executor from the number of threads and their name.
    """

    def __init__(
        self,
        url: URL,
        *configure: Configure,
        patience: float = PATIENCE,
        new_executor: Callable[[int, str], Executor] = ThreadPoolExecutor,
    ) -> None:
        in_memory = url.database in {None, "", ":memory:"}
        arguments = {"isolation_level": None, "check_same_thread": False, "timeout": patience}
        options = {"hide_parameters": True, "poolclass": StaticPool if in_memory else NullPool}
        url = url.set(drivername="sqlite")
        self._patience = patience
        # SQLite reports at once that another process writes. Its own wait grows in steps of up to a tenth of a second
        # (https://sqlite.org/c3ref/busy_timeout.html), and requests queue behind this one.
        writes = create_engine(url, connect_args={**arguments, "timeout": 0, "factory": _NotedConnection}, **options)
        reads = writes if in_memory else create_engine(url, connect_args=arguments, **options)
        for engine in {writes, reads}:
            for listen in configure:
                listen(engine)
        reads = reads.execution_options(isolation_level="AUTOCOMMIT")
        self.dialect = writes.dialect
        self._writer = _Threads(1, "keyturn-sqlite-writes", writes, new_executor)
        self._readers = self._writer if in_memory else _Threads(_READERS, "keyturn-sqlite-reads", reads, new_executor)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        return await self._readers.run(lambda connection, _: work(connection))

    async def execute(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
        def execute(connection: Connection, job: _Job) -> Sequence[Row[Any]]:
            # Reads open no transaction: a single statement is one (https://sqlite.org/lang_transaction.html).
            with connection.begin():
                return try_until_free(lambda: returned(connection, statement, given), self._patience, job)

        return await self._writer.run(execute)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        def transact(connection: Connection, job: _Job) -> _Result:
            with connection.begin():
                # Take the lock first, so that a writing transaction never fails half way because another connection
                # wrote after its read (https://sqlite.org/lang_transaction.html).
                try_until_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), self._patience, job)
                result = work(connection)
                job.runs_on(None)
                job.require_wanted()
            return result

        return await self._writer.run(transact)

    async def close(self) -> None:
        """Wait for running work, and close the connections. Later work opens them again."""
        await self._readers.close()
        await self._writer.close()


class _GivenUp(Exception):
    """The caller no longer waits for this work."""


class _Job:
    """A piece of work that its caller can give up: SQLite's statement is then interrupted, and no commit begins."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_wanted = True
        self._driver: sqlite3.Connection | None = None

    def runs_on(self, driver: Any) -> None:
        """Allow interrupts of this connection only; None for none: the commit follows, or other work."""
        with self._lock:
            self._driver = driver

    def require_wanted(self) -> None:
        """Raise _GivenUp if the caller no longer waits."""
        if not self._is_wanted:
            raise _GivenUp

    def give_up(self) -> None:
        with self._lock:
            self._is_wanted = False
            if self._driver:
                self._driver.interrupt()


class _Threads:
    """Threads with one connection each, which stays open between pieces of work."""

    def __init__(self, count: int, name: str, engine: Engine, new_executor: Callable[[int, str], Executor]) -> None:
        self._count = count
        self._name = name
        self._new_executor = new_executor
        self._executor: Executor | None = None
        self._engine = engine
        self._idle: list[Connection] = []

    async def run(self, work: Callable[[Connection, _Job], _Result]) -> _Result:
        self._executor = self._executor or self._new_executor(self._count, self._name)
        job = _Job()
        # Passes the context, as `asyncio.to_thread` does: log lines need the id of the request.
        running = asyncio.get_running_loop().run_in_executor(self._executor, copy_context().run, self._run, work, job)
        try:
            return await running
        except asyncio.CancelledError:
            job.give_up()
            raise

    def _run(self, work: Callable[[Connection, _Job], _Result], job: _Job) -> _Result:
        job.require_wanted()
        try:
            connection = self._idle.pop()  # the last used: each has its own cache
        except IndexError:
            connection = self._engine.connect()
        try:
            job.runs_on(connection.connection.dbapi_connection)
            job.require_wanted()
            result = work(connection, job)
        except BaseException:
            job.runs_on(None)
            connection.close()
            raise
        job.runs_on(None)
        self._idle.append(connection)
        return result

    async def close(self) -> None:
        executor, self._executor = self._executor, None  # later work gets new threads
        if executor:
            await asyncio.to_thread(executor.shutdown)
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()


class _NotedConnection(sqlite3.Connection):
    """Closes the cursors of a transaction before it ends.

    An unread statement would keep the transaction open, and with it all later commits
    (https://sqlite.org/lang_transaction.html, "Implicit versus explicit transactions").
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._cursors: list[sqlite3.Cursor] = []

    def cursor(self, *given: Any, **named: Any) -> Any:
        self._cursors.append(cursor := super().cursor(*given, **named))
        return cursor

    def commit(self) -> None:
        self._close_cursors()
        # Without a write-ahead log, another program's reads delay a commit, which can be tried again
        # (https://sqlite.org/lang_transaction.html).
        try_until_free(super().commit, _SECONDS_TO_COMMIT)

    def rollback(self) -> None:
        self._close_cursors()
        super().rollback()

    def _close_cursors(self) -> None:
        while self._cursors:
            self._cursors.pop().close()


def keep_file_private(engine: Engine) -> None:
    """Create SQLite's file with private permissions before SQLite does; SQLite would let other users read it.

    The files of its log get the same permissions (https://sqlite.org/src/file?name=src/os_unix.c,
    findCreateFileMode). If the file cannot be created, SQLite itself reports the error.
    """

    @event.listens_for(engine, "do_connect")
    def make_file(_: object, __: object, arguments: Any, ___: object) -> None:
        file = str(arguments[0])
        if not file.startswith((":memory:", "file:")):
            with contextlib.suppress(OSError):
                make_private_file(Path(file))


def configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # With the write-ahead log, readers never wait for the writer. FULL, because a 202 means committed, even if the
        # power fails right after (https://sqlite.org/pragma.html#pragma_synchronous). The first connection to a new
        # file creates its log, and SQLite does not let others wait for that.
        try_until_free(lambda: connection.execute("PRAGMA journal_mode = WAL"), _SECONDS_TO_BEGIN_A_LOG)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # SQLite has its own since 3.41 (https://sqlite.org/lang_corefunc.html#unhex).
        connection.create_function("unhex", 1, _unhex, deterministic=True)


def _unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def try_until_free(attempt: Callable[[], _Result], patience: float, job: _Job | None = None) -> _Result:
    """Return the result of `attempt`; retry while another connection is in the way, for `patience` seconds."""
    ends = time.monotonic() + patience
    while True:
        if job:
            job.require_wanted()
        try:
            return attempt()
        except (OperationalError, sqlite3.OperationalError) as error:
            code = getattr(error.orig if isinstance(error, OperationalError) else error, "sqlite_errorcode", 0)
            if code & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
        time.sleep(_STEP)
