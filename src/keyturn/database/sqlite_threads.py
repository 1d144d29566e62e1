"""SQLite's own driver in a few threads: what is done at once takes one trip to one of them."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, NullPool, Row, create_engine, event

from keyturn.database.sqlite_locks import try_until_free

_READERS = 4

_Result = TypeVar("_Result")

Configure = Callable[[Engine], None]
"""Listens to what an engine does with its connections."""


class SqliteThreads:
    """Runs a statement and what belongs to it, or a whole transaction, from BEGIN to COMMIT in one trip to a thread.

    The trips cost several times what small statements do, and an asynchronous driver makes some for each of them, while
    whoever else wants to write waits.
    """

    def __init__(self, url: URL, arguments: Mapping[str, Any], *configure: Configure) -> None:
        self._readers = _Threads(_READERS, "keyturn-sqlite-reads", url, arguments, configure)
        # One more for whoever writes, one at a time: those who read never wait for that, nor the other way round.
        self._writer = _Threads(
            1, "keyturn-sqlite-writes", url, {**arguments, "factory": _NotedConnection}, [*configure, _have_it_not_wait]
        )
        self._patience: float = arguments["timeout"]

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        return await self._readers.run(work)

    async def execute(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
        def execute(connection: Connection) -> Sequence[Row[Any]]:
            # SQLite is told of no transaction: a statement by itself is one (https://sqlite.org/lang_transaction.html).
            with connection.begin():
                return try_until_free(lambda: returned(connection.execute(statement, given)), self._patience)

        return await self._writer.run(execute)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        def transact(connection: Connection) -> _Result:
            with connection.begin():
                try_until_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), self._patience)
                return work(connection)

        return await self._writer.run(transact)

    async def close(self) -> None:
        """Wait for what is under way, and close the connections. They are opened again by whoever comes later."""
        await self._readers.close()
        await self._writer.close()


class _Threads:
    """Threads with one connection for each, which stays open between two trips.

    To take one from a pool and to give it back takes SQLAlchemy as long as a small statement with its commit.
    """

    def __init__(
        self, count: int, name: str, url: URL, arguments: Mapping[str, Any], configure: Iterable[Configure]
    ) -> None:
        self._count = count
        self._name = name
        self._started: ThreadPoolExecutor | None = None
        connect = {**arguments, "check_same_thread": False}
        self.engine = create_engine(
            url.set(drivername="sqlite"), hide_parameters=True, connect_args=connect, poolclass=NullPool
        )
        for listen in configure:
            listen(self.engine)
        self._idle: list[Connection] = []

    async def run(self, work: Callable[[Connection], _Result]) -> _Result:
        self._started = self._started or ThreadPoolExecutor(self._count, self._name)
        # The context goes along, as in `asyncio.to_thread`: it says whose request a log line belongs to.
        return await asyncio.get_running_loop().run_in_executor(self._started, copy_context().run, self._run, work)

    def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        try:
            connection = self._idle.pop()  # the last that was used: each has a cache of its own
        except IndexError:
            connection = self.engine.connect()
        try:
            result = work(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return result

    async def close(self) -> None:
        started, self._started = self._started, None  # whoever comes meanwhile has threads of their own
        if started:
            await asyncio.to_thread(started.shutdown)
        while self._idle:
            self._idle.pop().close()


class _NotedConnection(sqlite3.Connection):
    """Closes the cursors of a transaction before it ends.

    A statement whose rows were not read to the end would keep the transaction open, and all that is committed after it
    (https://sqlite.org/lang_transaction.html, "Implicit versus explicit transactions").
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._cursors: list[sqlite3.Cursor] = []

    def cursor(self, factory: type[sqlite3.Cursor] = sqlite3.Cursor) -> sqlite3.Cursor:  # type: ignore[override]
        self._cursors.append(cursor := super().cursor(factory))
        return cursor

    def commit(self) -> None:
        self._close_cursors()
        super().commit()

    def rollback(self) -> None:
        self._close_cursors()
        super().rollback()

    def _close_cursors(self) -> None:
        for cursor in self._cursors:
            cursor.close()
        self._cursors.clear()


def returned(result: CursorResult[Any]) -> Sequence[Row[Any]]:
    """Return the rows of a statement, also of one that returns none."""
    return result.all() if result.returns_rows else []


def _have_it_not_wait(engine: Engine) -> None:
    """Have SQLite say at once that another process writes.

    It would wait in steps that grow to a tenth of a second (https://sqlite.org/c3ref/busy_timeout.html), and who asks
    for a link while a worker writes for one of those.
    """

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0")
