"""Work on a database that a caller waits for, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, RowMapping

from keyturn.database.batching import Deadline
from keyturn.database.engines import DEADLINE, PooledConnections
from keyturn.database.sqlite import SqliteConnections

_Result = TypeVar("_Result")


class DatabaseAccess:
    """Reads, and runs transactions.

    `seconds` is how long a caller waits, from its own arrival; None for as long as it takes. `unready` turns what
    drivers raise where a database cannot be asked, and a TimeoutError, into the error that callers know.
    """

    def __init__(
        self,
        connections: SqliteConnections | PooledConnections,
        seconds: float | None,
        unready: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.connections = connections
        self.dialect = connections.dialect
        self._seconds = seconds
        self._unready = unready

    @property
    def deadline(self) -> Deadline:
        """For callers that wait for a statement which they share (`batching`)."""
        return Deadline(self._seconds, self._too_late)

    def _too_late(self) -> Exception:
        try:
            with self._unready():
                raise TimeoutError  # noqa: TRY301 - for what it is turned into
        except Exception as error:  # noqa: BLE001 - as above
            return error

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raise the error that callers know where what is within takes longer than they wait."""
        with self._unready():
            async with asyncio.timeout(self._seconds) as deadline:
                token = DEADLINE.set(deadline)
                try:
                    yield
                finally:
                    DEADLINE.reset(token)

    async def fetch(self, statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        """Return the rows of one statement that changes nothing.

        A statement that is executed often is built once, and `given` its values each time: SQLAlchemy takes several
        times as long to see that two statements are the same as SQLite takes to answer one.
        """
        return await self.read(lambda connection: connection.execute(statement, given).mappings().all())

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Return what `work` returns, which changes nothing and needs no transaction.

        If the connection is lost meanwhile, `work` is called a second time.
        """
        async with self.in_time():
            return await self.connections.read(work)

    async def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run `work` in a transaction, and return what it returns: committed. If it raises, all is rolled back.

        `work` is a plain function that executes statements: it must do no other input or output, and nothing that
        takes long. On SQLite it runs in the thread of the one writer, on a server's connection on the event loop, which
        goes on between its statements. What else a change needs is gathered before, and what follows is done after.

        If the connection is lost at the commit, or the caller is cancelled meanwhile, nobody knows whether it was
        committed: `work` is never run a second time.
        """
        async with self.in_time():
            return await self.connections.transact(work)

    async def close(self) -> None:
        """Close the connections. Later work opens new ones, in another event loop too."""
        await self.connections.close()
