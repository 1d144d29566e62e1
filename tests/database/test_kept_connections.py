"""Connections that stay with Keyturn between two statements: nobody waits for them, and none that is lost is used."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.silent_proxy import silent_proxy

from keyturn.database import Database
from keyturn.errors import DatabaseUnready

ONE = text("SELECT 1 AS n")
OTHERS = text("SELECT pid, query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
END_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def read_at_once(database: Database, times: int) -> None:
    await asyncio.gather(*(database.fetch(ONE) for _ in range(times)))


@pytest.mark.parametrize("size", [2, 3, 4, 8])
async def test_most_connections_are_left_for_transactions(database_url: str, size: int) -> None:
    database = Database(database_url, pool_size=size)
    await read_at_once(database, 2 * size)

    async with asyncio.timeout(10), AsyncExitStack() as open_ones:
        for _ in range(size - size // 4):
            session = await open_ones.enter_async_context(database.transaction())
            await session.execute(ONE)
    await database.close()


async def test_statements_one_after_the_other_share_a_connection(database_url: str, elsewhere: Database) -> None:
    database = Database(database_url)
    for _ in range(5):
        await database.fetch(ONE)
        await database.execute(ONE)

    assert len(await elsewhere.fetch(OTHERS)) == 1
    await database.close()


async def test_none_is_left_open_after_all_was_closed(database_url: str, elsewhere: Database) -> None:
    database = Database(database_url)
    await read_at_once(database, 20)
    await database.close()

    async with asyncio.timeout(10):
        while await elsewhere.fetch(OTHERS):
            await asyncio.sleep(0.01)  # the server ends each in its own time


async def test_one_that_the_server_has_closed_is_replaced_and_nobody_notices(
    database_url: str, elsewhere: Database
) -> None:
    database = Database(database_url)
    await read_at_once(database, 20)
    await elsewhere.execute(END_OTHERS)
    async with asyncio.timeout(10):
        while await elsewhere.fetch(OTHERS):
            await asyncio.sleep(0.01)

    await read_at_once(database, 20)
    await database.close()


async def test_where_one_was_lost_the_others_are_asked_before_they_are_used(database_url: str) -> None:
    async with silent_proxy(database_url) as (url, proxy):
        database = Database(url)
        await read_at_once(database, 20)
        proxy.fall_silent()
        proxy.speak_again()  # which cuts all that were there, and the driver has not heard of it yet
        with pytest.raises(DatabaseUnready):
            await database.fetch(ONE)

        await read_at_once(database, 20)
        await database.close()


async def test_who_gives_up_leaves_no_answer_behind_for_the_next(database_url: str, elsewhere: Database) -> None:
    database = Database(database_url)
    await database.fetch(ONE)
    asking = asyncio.create_task(database.fetch(text("SELECT 2 AS n, pg_sleep(60)")))
    async with asyncio.timeout(10):
        while not any("pg_sleep" in row["query"] for row in await elsewhere.fetch(OTHERS)):
            await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert [row["n"] for row in await database.fetch(ONE)] == [1]
    await database.close()


async def test_a_statement_that_is_refused_leaves_nothing_to_the_next(database_url: str) -> None:
    database = Database(database_url)
    for _ in range(3):
        with pytest.raises(DBAPIError, match="division by zero"):
            await database.execute(text("SELECT 1 / 0"))
        assert [row["n"] for row in await database.fetch(ONE)] == [1]
    await database.close()
