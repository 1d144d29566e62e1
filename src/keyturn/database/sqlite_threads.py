"""SQLite's own driver in a few threads: what is done at once takes one trip to one of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, RowMapping, create_engine, event

from keyturn.database.sqlite_locks import try_until_free

_THREADS = 4

_Result = TypeVar("_Result")


class SqliteThreads:
    """Runs a statement and what belongs to it, from BEGIN to COMMIT, in one trip to a thread.

    The trips cost several times what small statements do, and an asynchronous driver makes one for each step.
    """

    def __init__(self, url: URL, arguments: Mapping[str, Any], configure: Callable[[Engine], None]) -> None:
        self._reader = create_engine(
            url.set(drivername="sqlite"), hide_parameters=True, pool_size=_THREADS, max_overflow=0,
            connect_args={**arguments, "check_same_thread": False},
        )  # fmt: skip
        configure(self._reader)
        self._writer = self._reader.execution_options()  # the same pool, whose transactions begin in another way
        event.listen(self._writer, "begin", partial(_begin_writing, patience=arguments["timeout"]))
        self._threads: ThreadPoolExecutor | None = None

    async def fetch(self, statement: Executable) -> Sequence[RowMapping]:
        return await self._run(lambda: self._fetch(statement))

    def _fetch(self, statement: Executable) -> Sequence[RowMapping]:
        with self._reader.connect() as connection:
            return connection.execute(statement).mappings().all()

    async def execute_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        await self._run(lambda: self._execute_many(statement, rows))

    def _execute_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        with self._writer.begin() as connection:
            connection.execute(statement, rows)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        self._threads = self._threads or ThreadPoolExecutor(_THREADS, "keyturn-sqlite")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def close(self) -> None:
        """Wait for what is under way, and close the connections. They are opened again by whoever comes later."""
        threads, self._threads = self._threads, None
        if threads:
            await asyncio.to_thread(threads.shutdown)
        self._reader.dispose()


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
