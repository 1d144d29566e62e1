"""Connections of another program, beside those of a `Database`.

A test holds them as long as it needs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from keyturn.service.database import Database
from keyturn.service.database.connections import ServerConnections


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[AsyncConnection]:
    """Yield a connection whose transaction is rolled back unless it is committed."""
    if isinstance(database.connections, ServerConnections):
        async with database.connections.transactions.connect() as connection:
            yield connection
        return
    engine = create_async_engine(
        database.url.set(drivername="sqlite+aiosqlite"), connect_args={"timeout": 30}
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def committing(database: Database) -> AsyncIterator[AsyncConnection]:
    async with connected(database) as connection:
        yield connection
        await connection.commit()
