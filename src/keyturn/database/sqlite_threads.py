"""SQLite's own driver in a few threads: what is done at once takes one trip to one of them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, Row, RowMapping, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from keyturn.database.sqlite_locks import try_until_free

_READERS = 4

_Result = TypeVar("_Result")

Given = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
"""The parameters of a statement, or those of each time that it is executed."""


class SqliteThreads:
    """Runs a statement and what belongs to it, or a whole transaction, from BEGIN to COMMIT in one trip to a thread.

    The trips cost several times what small statements do, and an asynchronous driver makes some for each of them, while
    whoever else wants to write waits.
    """

    def __init__(self, url: URL, arguments: Mapping[str, Any], *configure: Callable[[Engine], None]) -> None:
        self._reader = create_engine(
            # The connection that was used last has the pages that are asked for in its cache: each has one of its own.
            url.set(drivername="sqlite"), hide_parameters=True, connect_args={**arguments, "check_same_thread": False},
            pool_size=_READERS + 1, max_overflow=0, pool_use_lifo=True,
        )  # fmt: skip
        for listen in configure:
            listen(self._reader)
        self._writer = self._reader.execution_options()  # the same pool, whose transactions begin in another way
        event.listen(self._writer, "begin", partial(_begin_writing, patience=arguments["timeout"]))
        # What is asked in its own thread never waits for another, so that sessions which await work with it as well.
        self._reader.dialect.is_async = True
        self._engine = AsyncEngine(self._writer)
        # One more for whoever writes, one at a time: those who read never wait for that, nor the other way round.
        self._reading: ThreadPoolExecutor | None = None
        self._writing: ThreadPoolExecutor | None = None

    async def fetch(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[RowMapping]:
        self._reading = self._reading or ThreadPoolExecutor(_READERS, "keyturn-sqlite-reads")
        return await _run(self._reading, lambda: self._fetch(statement, given))

    def _fetch(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[RowMapping]:
        with self._reader.connect() as connection:
            return connection.execute(statement, given).mappings().all()

    async def execute(self, statement: Executable, given: Given) -> Sequence[Row[Any]]:
        return await self._write(lambda: self._execute(statement, given))

    def _execute(self, statement: Executable, given: Given) -> Sequence[Row[Any]]:
        with self._writer.begin() as connection:
            return returned(connection.execute(statement, given))

    async def transact(self, work: Callable[[AsyncSession], Coroutine[Any, Any, _Result]]) -> _Result:
        return await self._write(lambda: _run_at_once(self._transact(work)))

    async def _transact(self, work: Callable[[AsyncSession], Coroutine[Any, Any, _Result]]) -> _Result:
        session = _SessionAtOnce(self._engine, expire_on_commit=False)
        try:
            return await work(session)
        finally:
            await session.close()

    async def _write(self, work: Callable[[], _Result]) -> _Result:
        self._writing = self._writing or ThreadPoolExecutor(1, "keyturn-sqlite-writes")
        return await _run(self._writing, work)

    async def close(self) -> None:
        """Wait for what is under way, and close the connections. They are opened again by whoever comes later."""
        ended = self._reading, self._writing
        self._reading = self._writing = None  # whoever comes meanwhile has threads of their own
        for threads in filter(None, ended):
            await asyncio.to_thread(threads.shutdown)
        self._reader.dispose()


async def _run(threads: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
    # The context goes along, as in `asyncio.to_thread`: it says whose request a log line belongs to.
    return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work)


def returned(result: CursorResult[Any]) -> Sequence[Row[Any]]:
    """Return the rows of a statement, also of one that returns none."""
    return result.all() if result.returns_rows else []


class _SessionAtOnce(AsyncSession):
    """A session that never waits: what awaits its statements is run at once, in the thread that has the database."""

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        return self.sync_session.execute(*arguments, **options)

    async def connection(self, *arguments: Any, **options: Any) -> AsyncConnection:
        connection = self.sync_session.connection(*arguments, **options)
        return _ConnectionAtOnce(AsyncEngine(connection.engine), connection)


class _ConnectionAtOnce(AsyncConnection):
    async def execute(self, *arguments: Any, **options: Any) -> Any:
        connection = self.sync_connection
        assert connection is not None  # noqa: S101 - it was made with one
        return connection.execute(*arguments, **options)


def _run_at_once(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine that waits for nothing, where there is no event loop. Raises RuntimeError where it does wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: _Result = end.value
        return result
    finally:
        coroutine.close()
    raise RuntimeError("a transaction that is run at once waits for something other than its own statements")


def _begin_writing(connection: Connection, *, patience: float) -> None:
    """Begin to write as soon as no other process does, for `patience` seconds. Raises OperationalError then.

    SQLite itself waits in steps that grow to a tenth of a second (https://sqlite.org/c3ref/busy_timeout.html), and who
    asks for one link while the worker writes would wait for the whole of a step.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        try_until_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), patience)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
