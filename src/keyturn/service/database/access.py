"""The one way to a database: its own work as plain functions, each caller within a time limit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

import sqlalchemy as sa

from keyturn.service.database.servers import ServerConnections
from keyturn.service.database.sqlite import SqliteConnections

_Result = TypeVar("_Result")


class DatabaseAccess:
    """Reads, and runs transactions.

    `seconds`: how long a caller waits, from its own arrival; None for no limit.
    `unready`: turns a driver's connection errors, and a TimeoutError, into the error for callers.
    """

    def __init__(
        self,
        connections: SqliteConnections | ServerConnections,
        seconds: float | None,
        unready: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.connections = connections
        self.dialect = connections.dialect
        self._seconds = seconds
        self._unready = unready

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raise the error for callers if the block takes longer than they wait.

        A connection whose statement takes longer is closed, and not used again.
        """
        with self._unready():
            async with asyncio.timeout(self._seconds):
                yield

    async def fetch(self, statement: sa.Executable, given: Mapping[str, Any] | None = None) -> Sequence[sa.RowMapping]:
        """Return the rows of one statement that changes nothing.

        Build a frequent statement once, and give its values in `given` each time. SQLAlchemy takes several times as
        long to see that two statements are the same as SQLite takes to answer one.
        """
        return await self.read(lambda connection: connection.execute(statement, given).mappings().all())

    async def read(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Return the result of `work`, which changes nothing and needs no transaction."""
        async with self.in_time():
            return await self.connections.read(work)

    async def transact(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run `work` in a transaction, and return its result once committed. If it raises, all is rolled back.

        `work` is a plain function that executes statements, without other input or output and without slow work. On
        SQLite it runs in the writer's thread; with a server it runs on the event loop, which continues between its
        statements. Do all other work of a change before or after.

        If the connection is lost at the commit, or the caller is cancelled, the outcome of the commit is unknown:
        `work` is never run a second time.
        """
        async with self.in_time():
            return await self.connections.transact(work)

    async def close(self) -> None:
        """Close the connections. Later work opens new ones, also in another event loop."""
        await self.connections.close()
