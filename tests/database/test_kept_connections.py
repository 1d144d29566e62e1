"""Connections that stay open between two statements: no request waits for them, and a lost connection is not used."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from tests.driver.connections import connected
from tests.statements import cancel_when_sent, statements_sent

from keyturn.service.database import Database, engines
from keyturn.service.problems.requests import DatabaseUnready

ONE = text("SELECT 1 AS n")
_OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
OTHERS = text(f"SELECT pid, query, state {_OTHERS}")
END_OTHERS = text(f"SELECT pg_terminate_backend(pid, 5000) {_OTHERS}")
END_ITSELF = text("SELECT pg_terminate_backend(pg_backend_pid())")

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def read_at_once(database: Database, times: int) -> None:
    await asyncio.gather(*(database.fetch(ONE) for _ in range(times)))


async def until_asked(elsewhere: Database, times: int) -> None:
    """Wait until as many statements that sleep are under way."""
    async with asyncio.timeout(10):
        while sum("pg_sleep" in row["query"] for row in await elsewhere.fetch(OTHERS)) < times:
            await asyncio.sleep(0.01)


async def until_gone(elsewhere: Database) -> None:
    """Wait until the server has ended all other connections, each in its own time."""
    async with asyncio.timeout(10):
        while await elsewhere.fetch(OTHERS):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [2, 3, 4, 8])
async def test_most_connections_are_left_for_transactions(database_url: str, size: int) -> None:
    database = Database(database_url, pool_size=size)
    await read_at_once(database, 2 * size)

    async with asyncio.timeout(10), AsyncExitStack() as open_ones:
        for _ in range(size - size // 4):
            connection = await open_ones.enter_async_context(connected(database))
            await connection.execute(ONE)
    await database.close()


async def test_statements_one_after_the_other_share_a_connection(database: Database, elsewhere: Database) -> None:
    for _ in range(5):
        await database.fetch(ONE)
        await database.execute(ONE)

    assert len(await elsewhere.fetch(OTHERS)) == 1


async def test_a_read_whose_connection_is_lost_meanwhile_is_asked_once_more_and_a_write_is_not(
    database: Database, elsewhere: Database
) -> None:
    reading = asyncio.create_task(database.fetch(text("SELECT pg_sleep(0.3), 1 AS n")))
    writing = asyncio.create_task(database.execute(text("SELECT pg_sleep(0.3), 2 AS n")))
    await until_asked(elsewhere, 2)
    await elsewhere.execute(END_OTHERS)

    assert [row["n"] for row in await reading] == [1]
    with pytest.raises(DatabaseUnready):  # nobody can tell what became of it
        await writing
    with statements_sent() as statements, pytest.raises(DatabaseUnready):
        await database.fetch(END_ITSELF)
    assert statements.count(str(END_ITSELF)) == 2


async def test_none_is_left_open_after_all_was_closed(database_url: str, elsewhere: Database) -> None:
    database = Database(database_url)
    await read_at_once(database, 20)
    await database.close()

    await until_gone(elsewhere)


async def test_one_that_the_server_has_closed_is_replaced_and_nobody_notices(
    database: Database, elsewhere: Database
) -> None:
    await read_at_once(database, 20)
    await elsewhere.execute(END_OTHERS)
    await until_gone(elsewhere)

    await read_at_once(database, 20)


async def asked_by(reads: Awaitable[None]) -> list[str]:
    """Return what PostgreSQL is asked, a question whether a connection works among it."""
    ping: Any = PGDialect_asyncpg.do_ping

    def note_and_ping(dialect: PGDialect_asyncpg, connection: object) -> bool:
        statements.append("SELECT 1")
        return bool(ping(dialect, connection))

    with statements_sent() as statements, pytest.MonkeyPatch.context() as patch:
        patch.setattr(PGDialect_asyncpg, "do_ping", note_and_ping)
        await reads
    return statements


async def lose_by_a_statement(database: Database) -> None:
    with pytest.raises(DatabaseUnready):
        await database.execute(END_ITSELF)


async def lose_by_a_transaction(database: Database) -> None:
    with pytest.raises(DatabaseUnready):
        await database.transact(lambda connection: connection.execute(END_ITSELF))


async def fail(database: Database) -> None:
    with pytest.raises(DBAPIError, match="division by zero"):
        await database.execute(text("SELECT 1 / 0"))


async def give_up(database: Database) -> None:
    await cancel_when_sent(database.fetch(text("SELECT pg_sleep(60)")), "SELECT pg_sleep")


@pytest.mark.parametrize("lose", [lose_by_a_statement, lose_by_a_transaction])
async def test_where_one_was_lost_another_is_asked_once_before_it_is_used(
    database: Database, lose: Callable[[Database], Awaitable[None]]
) -> None:
    await read_at_once(database, 20)
    await lose(database)

    assert "SELECT 1" in await asked_by(read_at_once(database, 2))
    assert await asked_by(read_at_once(database, 1)) == [str(ONE)]


async def test_one_that_was_idle_for_a_while_is_asked_before_it_is_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.fetch(ONE)
    assert await asked_by(read_at_once(database, 1)) == [str(ONE)]

    monkeypatch.setattr(engines, "_TRUSTED", 0.0)
    assert await asked_by(read_at_once(database, 1)) == ["SELECT 1", str(ONE)]


@pytest.mark.parametrize("fault", [fail, give_up])
async def test_nobody_is_asked_after_what_says_nothing_of_the_others(
    database: Database, fault: Callable[[Database], Awaitable[None]]
) -> None:
    await read_at_once(database, 20)
    await fault(database)

    assert await asked_by(read_at_once(database, 1)) == [str(ONE)]


@pytest.mark.parametrize("schema", ["", "apart"])
async def test_none_holds_a_transaction_between_two_statements(
    database_url: str, elsewhere: Database, schema: str
) -> None:
    database = Database(database_url, schema=schema)
    await database.fetch(ONE)

    assert [row["state"] for row in await elsewhere.fetch(OTHERS)] == ["idle"]
    await database.close()


async def test_a_read_by_an_app_s_engine_begins_no_transaction(database_url: str, elsewhere: Database) -> None:
    name = elsewhere.engine.url.database
    await elsewhere.execute(text(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'"))
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    (row,) = await Database(engine).fetch(text("SELECT current_setting('transaction_isolation') AS level"))

    assert row["level"] == "serializable", "a transaction of Keyturn's would be READ COMMITTED"
    await engine.dispose()


async def test_one_that_is_in_use_when_all_are_closed_is_not_kept(database_url: str, elsewhere: Database) -> None:
    database = Database(database_url)
    asking = asyncio.create_task(database.fetch(text("SELECT pg_sleep(0.3)")))
    await until_asked(elsewhere, 1)
    await database.close()
    await asking

    assert await asked_by(read_at_once(database, 1)) != []
    await database.close()


async def test_who_gives_up_or_is_refused_leaves_no_answer_behind_for_the_next(
    database: Database, elsewhere: Database
) -> None:
    await database.fetch(ONE)
    asking = asyncio.create_task(database.fetch(text("SELECT 2 AS n, pg_sleep(60)")))
    await until_asked(elsewhere, 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert [row["n"] for row in await database.fetch(ONE)] == [1]
    for _ in range(3):
        await fail(database)
        assert [row["n"] for row in await database.fetch(ONE)] == [1]
