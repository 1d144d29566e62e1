"""Transactions, whole or not at all and after others, durable writes, and one error for a database
that is away.
"""

import asyncio
import socket
import sqlite3
import stat
import threading
import traceback
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from tests.driver.connections import committing, connected

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.database import Database, unready_where_unreachable
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready

ADD = text("INSERT INTO tally VALUES (:name, :n)")


@pytest.fixture
async def database(database: Database) -> Database:
    await database.execute(
        text("CREATE TABLE tally (name VARCHAR(40) PRIMARY KEY, n INTEGER NOT NULL)")
    )
    return database


async def tally(database: Database) -> dict[str, int]:
    rows = await database.fetch(text("SELECT name, n FROM tally"))
    return {row["name"]: row["n"] for row in rows}


async def count(database: Database | AppDatabase, name: str = "a") -> int | None:
    statement = text("SELECT n FROM tally WHERE name = :name")
    return await database.read(
        lambda connection: connection.execute(statement, {"name": name}).scalar()
    )


async def add(database: Database, name: str = "a", n: int = 0) -> None:
    await database.execute(ADD, {"name": name, "n": n})


async def test_an_error_of_the_callers_own_stays_what_it_is(database: Database) -> None:
    await add(database, "secret-name")
    with pytest.raises(IntegrityError) as error:
        await add(database, "secret-name")

    assert "secret-name" not in str(error.value).partition("DETAIL")[0]


async def test_who_holds_a_name_may_read_before_writing(
    database: Database, database_url: str
) -> None:
    await add(database)
    other = Database(database_url)

    async def read_then_write(where: Database) -> None:
        def write(connection: Connection) -> None:
            where.hold(connection, "tally")
            found = connection.execute(text("SELECT n FROM tally WHERE name = 'a'")).scalar_one()
            connection.execute(text("UPDATE tally SET n = :n WHERE name = 'a'"), {"n": found + 1})

        await where.transact(write)

    await asyncio.gather(*(read_then_write(where) for where in (database, other) for _ in range(5)))
    await other.close()

    assert await count(database) == 10


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_different_names_do_not_wait_for_each_other(database: Database) -> None:
    async with connected(database) as connection, asyncio.timeout(20):
        await connection.run_sync(database.hold, "ada")
        await database.transact(lambda another: database.hold(another, "eve"))


WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type "
    "= 'Lock'"
)
TAKE_EVE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('eve', 0))")


async def is_eve_free_while_waiting(database: Database, *names: str) -> bool:
    """Return whether Eve's name is free while a transaction waits for Ada's, one of the names that
    it holds at once.
    """
    async with AsyncExitStack() as stack, asyncio.timeout(10):
        holding, waiting, other = [
            await stack.enter_async_context(connected(database)) for _ in range(3)
        ]
        await holding.run_sync(database.hold, "ada")
        hold = asyncio.create_task(waiting.run_sync(database.hold, *names))
        while not (await database.fetch(WAITING))[0]["count"]:
            pass
        is_free = bool((await other.execute(TAKE_EVE)).scalar_one())
        await other.rollback()
        await holding.rollback()
        await hold
    return is_free


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_names_held_together(database: Database) -> None:
    """Names that are held together are waited for in the same order, however they are given: none
    can deadlock.
    """
    orders = [
        await is_eve_free_while_waiting(database, *names)
        for names in (("ada", "eve"), ("eve", "ada"))
    ]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)]
)
async def test_sqlite_writes_ahead_and_to_the_disk(
    database: Database, pragma: str, value: object
) -> None:
    """A synchronous of 2 is FULL (https://sqlite.org/pragma.html#pragma_synchronous)."""
    assert (
        await database.read(
            lambda connection: connection.execute(text(f"PRAGMA {pragma}")).scalar()
        )
        == value
    )


@pytest.mark.parametrize("first", ["SELECT 1", "CREATE TABLE notes (name VARCHAR(40))", None])
async def test_nobody_else_on_the_machine_reads_the_file_its_log_or_folder(
    tmp_path: Path, first: str | None
) -> None:
    database = Database(f"sqlite:///{tmp_path}/a/b/keyturn.db")
    if first:
        await (database.fetch if first.startswith("SELECT") else database.execute)(text(first))
    await database.transact(
        lambda connection: connection.execute(text("CREATE TABLE tally (name VARCHAR(40))"))
    )
    made = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    }
    await database.close()

    files = dict.fromkeys(("keyturn.db", "keyturn.db-shm", "keyturn.db-wal"), 0o600)
    assert made == {"a": 0o700, "b": 0o700, **files}
    (tmp_path / "a/b/keyturn.db").chmod(0o640)
    await database.execute(text("SELECT 1"))
    await database.close()
    assert stat.S_IMODE((tmp_path / "a/b/keyturn.db").stat().st_mode) == 0o640, (
        "a file that is there keeps its rights"
    )


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsInvalid, match=r"database\.url: its folder cannot be created"):
        Database(f"sqlite:///{tmp_path}/file/keyturn.db")


async def test_what_the_driver_cannot_read_is_a_fault_of_the_settings_and_not_repeated() -> None:
    url = "postgresql:///keyturn?host=%00hunter2"
    for database, setting in (
        (Database(url), "database.url"),
        (AppDatabase(url), "accounts.table.url"),
    ):
        with pytest.raises(
            SettingsInvalid, match=rf"{setting}: the driver cannot read it"
        ) as invalid:
            await count(database)
        assert "hunter2" not in "".join(traceback.format_exception(invalid.value))
        await database.close()


async def test_a_file_is_opened_while_somebody_writes_to_it_who_keeps_no_log(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path}/app.db")
    with closing(
        sqlite3.connect(tmp_path / "app.db", isolation_level=None, check_same_thread=False)
    ) as writer:
        writer.execute("CREATE TABLE tally (n INTEGER)")
        writer.execute("BEGIN IMMEDIATE")
        assert await database.fetch(text("SELECT * FROM tally")) == []
    await database.close()


UNKNOWN_HOST = RuntimeError("of the driver's")
UNKNOWN_HOST.__cause__ = socket.gaierror(socket.EAI_NONAME, "Not known")
GIVEN_UP = TimeoutError()
GIVEN_UP.__cause__ = asyncio.CancelledError()
REFUSED = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")
ANOTHER_OPERATION = "cannot switch to state 11; another operation (2) is in progress"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PoolExhausted("no connection within 30 s"), "no connection within 30 s"),
        (ConnectionResetError(), ""),
        (GIVEN_UP, "it does not answer"),
        (REFUSED, "Connection refused"),
        (
            asyncpg.InternalClientError(ANOTHER_OPERATION),
            "",
        ),  # it says so of its own state, not of the connection
    ],
)
def test_no_connection_to_be_had_is_unready(error: Exception, words: str) -> None:
    told = pytest.raises(DatabaseUnready, match=f"PostgreSQL on db.internal: .*{words}")
    with told as unready, unready_where_unreachable("PostgreSQL on db.internal"):
        raise error
    assert unready.value.__cause__ is error
    assert describe_error(UNKNOWN_HOST) == "Not known"


async def test_a_file_that_is_no_database_and_a_folder_in_its_place_are_unready(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.txt").write_text("This is no database. " * 100)
    for place in (tmp_path / "notes.txt", tmp_path):
        database, app = Database(f"sqlite:///{place}"), AppDatabase(f"sqlite:///{place}")
        for asked in (count(database), add(database), count(app)):
            with pytest.raises((DatabaseUnready, AccountsUnready)):
                await asked
        await database.close()
        await app.close()


async def test_a_write_waits_for_the_transaction_of_another_process(
    database: Database, database_url: str
) -> None:
    elsewhere = Database(database_url)
    async with committing(elsewhere) as connection:
        await connection.execute(ADD, {"name": "a", "n": 1})
        writing = asyncio.create_task(database.execute(ADD, {"name": "b", "n": 2}))
        assert "a" not in await tally(database)
    await writing

    assert await tally(elsewhere) == {"a": 1, "b": 2}
    await elsewhere.close()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_no_other_process_writes_after_a_transaction_has_read(database: Database) -> None:
    """SQLite would refuse the first one's own write then (https://sqlite.org/isolation.html)."""

    def read_then_write(connection: Connection) -> None:
        connection.execute(text("SELECT n FROM tally")).all()
        other = sqlite3.connect(str(database.url.database), timeout=0)
        with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO tally VALUES ('b', 2)")
        connection.execute(ADD, {"name": "a", "n": 1})

    await database.transact(read_then_write)

    assert await tally(database) == {"a": 1}


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
async def test_a_connection_that_the_server_has_closed_is_replaced_and_nobody_notices(
    database: Database,
) -> None:
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
                await asyncio.sleep(0)  # the server's word is on its way

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
