"""SQLite's own driver in a few threads: what is done at once takes one trip to one of them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Executable,
    NullPool,
    Result,
    Row,
    RowMapping,
    create_engine,
    event,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from keyturn.database.sqlite_locks import try_until_free

_READERS = 4

_Result = TypeVar("_Result")

_PATIENCE, _RESULTS = "patience", "results"
"""In a session's info: for how many seconds another process that writes is waited for; what its statements returned."""

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
        self._writer = _Threads(1, "keyturn-sqlite-writes", url, arguments, [*configure, _have_it_not_wait])
        self._patience: float = arguments["timeout"]
        self._awaited = _awaited(self._writer.engine)

    async def fetch(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        return await self._readers.run(lambda connection: connection.execute(statement, given).mappings().all())

    async def execute(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
        def execute(connection: Connection) -> Sequence[Row[Any]]:
            # SQLite is told of no transaction: a statement by itself is one (https://sqlite.org/lang_transaction.html).
            with connection.begin():
                return try_until_free(lambda: returned(connection.execute(statement, given)), self._patience)

        return await self._writer.run(execute)

    async def transact(self, work: Callable[[AsyncSession], Coroutine[Any, Any, _Result]]) -> _Result:
        return await self._writer.run(lambda connection: _run_at_once(self._transact(connection, work)))

    async def _transact(
        self, connection: Connection, work: Callable[[AsyncSession], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        results: list[Result[Any]] = []
        awaited = _ConnectionAtOnce(self._awaited, connection, results)
        info = {_PATIENCE: self._patience, _RESULTS: results}
        session = _SessionAtOnce(awaited, expire_on_commit=False, info=info)
        try:
            return await work(session)
        finally:
            # A statement that nobody read to its end would hold back what is committed after it
            # (https://sqlite.org/lang_transaction.html, "Implicit versus explicit transactions").
            for result in results:
                result.close()
            await session.close()

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
        self.engine = create_engine(
            url.set(drivername="sqlite"), hide_parameters=True, connect_args={**arguments, "check_same_thread": False},
            poolclass=NullPool,
        )  # fmt: skip
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


def returned(result: CursorResult[Any]) -> Sequence[Row[Any]]:
    """Return the rows of a statement, also of one that returns none."""
    return result.all() if result.returns_rows else []


class _WritingSession(Session):
    """A session whose transactions begin with the lock of the one who writes."""


@event.listens_for(_WritingSession, "after_begin")
def _begin_writing(session: Session, begun: SessionTransaction, connection: Connection) -> None:
    """Begin to write as soon as no other process does, for the session's patience. Raises OperationalError then."""
    if begun.nested:  # a savepoint
        return
    try_until_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), session.info[_PATIENCE])


class _SessionAtOnce(AsyncSession):
    """A session that never waits: what awaits its statements is run at once, in the thread that has the database."""

    sync_session_class = _WritingSession

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        result = self.sync_session.execute(*arguments, **options)
        self.sync_session.info[_RESULTS].append(result)
        return result

    async def connection(self, *arguments: Any, **options: Any) -> AsyncConnection:
        self.sync_session.connection(*arguments, **options)  # which begins
        assert isinstance(self.bind, _ConnectionAtOnce)  # noqa: S101 - it was made with one
        return self.bind


class _ConnectionAtOnce(AsyncConnection):
    def __init__(self, engine: AsyncEngine, connection: Connection, results: list[Result[Any]]) -> None:
        super().__init__(engine, connection)
        self._connection = connection
        self._results = results

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        return self._noted(self._connection.execute(*arguments, **options))

    async def exec_driver_sql(self, *arguments: Any, **options: Any) -> Any:
        return self._noted(self._connection.exec_driver_sql(*arguments, **options))

    def _noted(self, result: CursorResult[Any]) -> CursorResult[Any]:
        self._results.append(result)
        return result


def _awaited(engine: Engine) -> AsyncEngine:
    """Return the engine for those who await it: what is asked in its own thread never waits for another."""
    engine.dialect.is_async = True  # which is asked here alone; a pool would tell whoever forgot a connection
    try:
        return AsyncEngine(engine)
    finally:
        engine.dialect.is_async = False


def _have_it_not_wait(engine: Engine) -> None:
    """Have SQLite say at once that another process writes.

    It would wait in steps that grow to a tenth of a second (https://sqlite.org/c3ref/busy_timeout.html), and who asks
    for a link while a worker writes for one of those.
    """

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0")


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
