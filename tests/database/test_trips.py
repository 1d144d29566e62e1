"""Statements and transactions: whole or not at all, after others, and ended early or by a server that goes away."""

import asyncio
import threading
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import IntegrityError
from tests.driver.connections import committing, connected

from keyturn.service.database import Database

ADD = text("INSERT INTO tally VALUES (:name, :n)")
ADD_TWO = text("INSERT INTO tally VALUES (:name, 1), (:other, 2)")
ALL = text("SELECT name, n FROM tally ORDER BY name")


@pytest.fixture
async def database(database: Database) -> Database:
    """Give the database a table of names and numbers."""
    await database.execute(text("CREATE TABLE tally (name VARCHAR(40) PRIMARY KEY, n INTEGER NOT NULL)"))
    return database


async def tally(database: Database, statement: TextClause = ALL) -> dict[str, int]:
    return {row["name"]: row["n"] for row in await database.fetch(statement)}


async def test_of_many_rows_all_are_written_or_none(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.execute(ADD_TWO, {"name": "a", "other": "a"})

    assert await tally(database) == {}


async def test_a_write_waits_for_the_transaction_of_another_process(database: Database, database_url: str) -> None:
    elsewhere = Database(database_url)
    async with committing(elsewhere) as connection:
        await connection.execute(ADD, {"name": "a", "n": 1})
        writing = asyncio.create_task(database.execute(ADD, {"name": "b", "n": 2}))
        assert "a" not in await tally(database)
    await writing

    assert await tally(elsewhere) == {"a": 1, "b": 2}
    await elsewhere.close()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_what_a_caller_has_given_up_is_not_committed_afterwards(database: Database) -> None:
    loop, is_under_way, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def add_and_wait(connection: Connection) -> None:
        connection.execute(ADD, {"name": "a", "n": 1})
        loop.call_soon_threadsafe(is_under_way.set)
        may_go_on.wait(10)

    adding = asyncio.create_task(database.transact(add_and_wait))
    await is_under_way.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    may_go_on.set()
    await database.execute(ADD, {"name": "b", "n": 2})

    assert await tally(database) == {"b": 2}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_connection_that_the_server_has_closed_is_replaced_and_nobody_notices(database: Database) -> None:
    closed = text(
        "SELECT pg_terminate_backend(pid) AS n, 'closed' AS name FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with AsyncExitStack() as opened:
        used = [await opened.enter_async_context(connected(database)) for _ in range(5)]
        drivers: list[Any] = [(await one.get_raw_connection()).driver_connection for one in used]
        await used[0].execute(closed)
        async with asyncio.timeout(10):
            while not all(driver.is_closed() for driver in drivers[1:]):
                await asyncio.sleep(0.01)  # the server's word is on its way

    for number in range(5):
        await database.execute(ADD, {"name": f"after {number}", "n": 1})
    assert len(await tally(database)) == 5


async def test_of_a_transaction_nothing_stays_that_was_not_committed(database: Database) -> None:
    def forget(connection: Connection) -> None:
        connection.execute(ADD, {"name": "a", "n": 1})
        connection.rollback()

    def fail(connection: Connection) -> None:
        connection.execute(ADD, {"name": "b", "n": 1})
        raise LookupError("nobody is there")

    await database.transact(forget)
    with pytest.raises(LookupError, match="nobody is there"):
        await database.transact(fail)

    assert await tally(database) == {}
