"""What is told about a migration while one of its statements takes long."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import Connection, text

from keyturn.service.database import Database
from keyturn.service.database.migration_progress import Progress
from keyturn.service.database.migrations import migrate

SLOW_TABLE = [
    "CREATE TABLE keyturn_slow (id integer, filler text)",
    "INSERT INTO keyturn_slow SELECT i, repeat('x', 1000) FROM generate_series(1, 300) AS i",
    """CREATE FUNCTION slowly(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END'""",
]
INDEX = "CREATE INDEX ix_slow ON keyturn_slow (slowly(id))"


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    database = Database(postgresql_url)
    yield database
    await database.close()


async def line_about(database: Database, work: Callable[[Connection], object], having: str) -> str:
    """Return the first line about `work` that has these words. The work is then cancelled."""
    told = asyncio.Queue[str]()
    progress = Progress(told.put_nowait, after=0, every=0.02)

    def watched(connection: Connection) -> None:
        with progress.watching(connection):
            work(connection)

    tasks = [asyncio.create_task(progress.follow(database)), asyncio.create_task(database.transact(watched))]
    while having not in (line := await told.get()):
        pass
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return line


async def test_an_index_tells_its_phase_and_how_much_of_the_table_it_has_read(database: Database) -> None:
    def work(connection: Connection) -> None:
        for statement in (*SLOW_TABLE, INDEX):
            connection.execute(text(statement))

    line = await line_about(database, work, " %")

    assert re.fullmatch(rf"\d+ s, building index: scanning table, \d+ %, {re.escape(INDEX)}", line)


async def test_another_statement_tells_how_many_rows_its_table_has(database: Database) -> None:
    await database.execute(text("CREATE TABLE keyturn_kept AS SELECT generate_series(1, 50) AS id"))
    await database.execute(text("ANALYZE keyturn_kept"))
    update = text("UPDATE\n  keyturn_kept SET id = id + 1 WHERE pg_sleep(1) IS NOT NULL")
    line = await line_about(database, lambda connection: connection.execute(update), "about")

    assert re.fullmatch(
        r"\d+ s, about 50 rows, UPDATE keyturn_kept SET id = id \+ 1 WHERE pg_sleep\(1\) IS NOT NULL", line
    )


async def test_a_database_that_has_no_second_connection_tells_the_time(database: Database, postgresql_url: str) -> None:
    role = f"narrow_{database.url.database}"
    await database.execute(text(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1"))
    alone = Database(postgresql_url.replace("//postgres:", f"//{role}:"))
    line = await line_about(alone, lambda connection: connection.execute(text("SELECT pg_sleep(30)")), "pg_sleep")
    await alone.close()

    assert re.fullmatch(r"\d+ s, SELECT pg_sleep\(30\)", line)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_sqlite_tells_the_time(empty_url: str) -> None:
    told, lines = threading.Event(), list[str]()

    def tell(line: str) -> None:
        lines.append(line)
        told.set()

    def work(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver
        driver.create_function("wait", 0, lambda: told.wait(30))
        with progress.watching(connection):
            connection.execute(text("SELECT wait()"))

    database, progress = Database(empty_url), Progress(tell, after=0.2, every=0.01)
    following = asyncio.create_task(progress.follow(database))
    await database.transact(work)
    following.cancel()
    await asyncio.wait({following})
    await database.close()

    assert re.fullmatch(r"\d+ s, SELECT wait\(\)", lines[0])


async def test_a_quick_migration_tells_nothing(empty_url: str) -> None:
    lines = list[str]()
    database = Database(empty_url)
    await migrate(database, progress=Progress(lines.append, after=60, every=0.01))
    await database.close()

    assert lines == []
