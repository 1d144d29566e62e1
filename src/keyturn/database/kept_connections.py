"""Connections outside any transaction, for statements that are each one by themselves. PostgreSQL's are kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from keyturn.database.lost_connections import Trust
from keyturn.database.sqlite_threads import returned

_Result = TypeVar("_Result")


class KeptConnections:
    """Connections that stay out of the pool between two statements, at most so many of them: asyncpg's, or none.

    To take one from SQLAlchemy's pool, to have it commit by itself and to give it back costs more than to send a
    statement by it and to read the answer.
    """

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._kept: list[tuple[AsyncConnection, float]] = []
        self._trust = Trust(engine)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Return what `work` does, which changes nothing: where its connection was lost, it is done once more."""
        try:
            return await self._run(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._run(work)

    async def execute(self, statement: Executable, given: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
        return await self._run(lambda connection: returned(connection.execute(statement, given)))

    async def _run(self, work: Callable[[Connection], _Result]) -> _Result:
        async with self._connection() as connection:
            return await connection.run_sync(work)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield one that works, as far as is known. It goes back to the pool where what it is used for fails."""
        kept = self._kept
        connection = await _take(kept, self._trust) or await _open(self._engine)
        try:
            yield connection
        except BaseException:
            await asyncio.shield(self._give_back(connection, kept))
            raise
        if kept is self._kept and len(kept) < self._most:
            kept.append((connection, time.monotonic()))
        else:
            await asyncio.shield(self._give_back(connection, kept))

    async def _give_back(self, connection: AsyncConnection, kept: list[tuple[AsyncConnection, float]]) -> None:
        if kept is not self._kept:  # the pool that it came from was closed meanwhile, and would not close it
            await connection.invalidate()
        await connection.close()

    async def close(self) -> None:
        """Give all back to the pool; those that are in use are closed when they are not."""
        kept, self._kept = self._kept, []
        for connection, _ in kept:
            await connection.close()


async def _take(kept: list[tuple[AsyncConnection, float]], trust: Trust) -> AsyncConnection | None:
    while kept:
        connection, used_at = kept.pop()
        if trust.covers(used_at) and not _is_closed(connection):
            return connection
        try:
            if await _answers(connection):
                return connection
        except BaseException:
            await asyncio.shield(connection.close())
            raise
        await connection.close()
    return None


async def _open(engine: AsyncEngine) -> AsyncConnection:
    """Return a connection of the pool that commits by itself, whatever the isolation of the engine's transactions."""
    connection = await engine.connect()
    try:
        return await connection.execution_options(isolation_level="AUTOCOMMIT")
    except BaseException:
        await asyncio.shield(connection.close())
        raise


def _is_closed(connection: AsyncConnection) -> bool:
    driver: Any = connection.sync_connection and connection.sync_connection.connection.driver_connection
    return bool(driver.is_closed())


async def _answers(connection: AsyncConnection) -> bool:
    """Ask a connection that may be lost; where nobody answers, the pool is told that it is."""
    try:
        await connection.exec_driver_sql("SELECT 1")
    except DBAPIError:
        await connection.invalidate()
        return False
    return True
