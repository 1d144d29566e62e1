"""PostgreSQL's connections outside any transaction, for statements that are each one by themselves."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from keyturn.database.lost_connections import Trust


class KeptConnections:
    """Connections that stay out of the pool between two statements, at most so many of them.

    To take one from SQLAlchemy's pool, to have it commit by itself and to give it back costs more than to send a
    statement by it and to read the answer.
    """

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._most = most
        self._kept: list[tuple[AsyncConnection, float]] = []
        self._trust = Trust()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield one that works, as far as is known. It goes back to the pool where what it is used for fails."""
        connection = await self._take() or await self._engine.connect()
        try:
            yield connection
        except BaseException:
            self._trust.doubt()  # what was wrong with this one may be with the others
            await asyncio.shield(connection.close())
            raise
        if len(self._kept) < self._most:
            self._kept.append((connection, time.monotonic()))
        else:
            await asyncio.shield(connection.close())

    async def _take(self) -> AsyncConnection | None:
        while self._kept:
            connection, used_at = self._kept.pop()
            if self._trust.covers(used_at) and not _is_closed(connection):
                return connection
            try:
                if await _answers(connection):
                    return connection
            except BaseException:
                await asyncio.shield(connection.close())
                raise
            await connection.close()
        return None

    async def close(self) -> None:
        """Give all back to the pool."""
        while self._kept:
            connection, _ = self._kept.pop()
            await connection.close()


def _is_closed(connection: AsyncConnection) -> bool:
    driver: Any = connection.sync_connection and connection.sync_connection.connection.driver_connection
    return bool(driver.is_closed())


async def _answers(connection: AsyncConnection) -> bool:
    """Ask a connection that has lain idle; where nobody answers, the pool is told that it is lost."""
    try:
        await connection.exec_driver_sql("SELECT 1")
    except DBAPIError:
        await connection.invalidate()
        return False
    return True
