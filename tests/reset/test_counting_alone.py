"""One process alone counts in its own memory, for as long as it lives, and whatever stands before PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from tests.connections import connected
from tests.databases import PostgresServer

from keyturn.database import Database
from keyturn.errors import SettingsInvalid
from keyturn.reset.limits.counting_alone import counting_alone

HOLDER = """
SELECT state, backend_xmin, backend_xid FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND datname = current_database()
"""


@pytest.fixture
async def url(postgresql: PostgresServer) -> AsyncIterator[str]:
    url = await asyncio.to_thread(postgresql.empty)
    yield url
    await asyncio.to_thread(postgresql.drop, url)


async def test_a_second_one_is_refused_until_the_first_has_ended(url: str) -> None:
    one, other = Database(url), Database(url)
    async with counting_alone(one, ""):
        with pytest.raises(SettingsInvalid, match="another process answers for this database"):
            async with counting_alone(other, ""):
                pass
        async with counting_alone(other, "memory://"):
            pass
    async with counting_alone(other, ""):
        pass
    await one.close()
    await other.close()


async def test_the_lock_is_a_transaction_s_which_a_pooler_gives_to_no_other(url: str) -> None:
    """It has no snapshot and no number, so the server's vacuum does not wait for it."""
    database = Database(url)
    async with counting_alone(database, ""), connected(database) as connection:
        assert list(await connection.execute(text(HOLDER))) == [("idle in transaction", None, None)]
    await database.close()


async def test_an_app_s_pool_holds_it_for_longer_than_a_statement_may_take(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    database, other = Database(engine, timeout=timedelta(seconds=1)), Database(url)
    async with counting_alone(database, ""):
        await other.execute(text("SELECT pg_sleep(1.2)"))
        with pytest.raises(SettingsInvalid):
            async with counting_alone(other, ""):
                pass
    await other.close()
    await engine.dispose()


async def test_two_schemas_of_one_database_are_two_even_if_the_address_names_them(url: str) -> None:
    one, other = Database(url), Database(f"{url}&schema=apart")
    await one.execute(text("CREATE SCHEMA apart"))
    async with counting_alone(one, ""), counting_alone(other, ""):
        with pytest.raises(SettingsInvalid):
            async with counting_alone(Database(url, schema="apart"), ""):
                pass
    await one.close()
    await other.close()
