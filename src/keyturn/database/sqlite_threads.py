"""SQLite's own driver in a few threads: what is done at once takes one trip to one of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import URL, Engine, Executable, RowMapping, create_engine, event

_THREADS = 4

_Result = TypeVar("_Result")


class SqliteThreads:
    """Runs a statement and what belongs to it, from BEGIN to COMMIT, in one trip to a thread.

    The trips cost several times what small statements do, and an asynchronous driver makes one for each step.
    """

    def __init__(
        self, url: URL, arguments: Mapping[str, Any], configure: Callable[[Engine], None],
        begin_writing: Callable[[Any], None],
    ) -> None:  # fmt: skip
        self._reader = create_engine(
            url.set(drivername="sqlite"), hide_parameters=True, pool_size=_THREADS, max_overflow=0,
            connect_args={**arguments, "check_same_thread": False},
        )  # fmt: skip
        configure(self._reader)
        self._writer = self._reader.execution_options()  # the same pool, whose transactions begin in another way
        event.listen(self._writer, "begin", begin_writing)
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
