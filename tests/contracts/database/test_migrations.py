"""The migrations make what the models say, one after the other and from several machines at once.

They expand first: processes of the version before work on while the database is at this one's
revision.
"""

import ast
import asyncio
import multiprocessing
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, make_url, text
from tests.driver.connections import committing, connected
from tests.driver.operator import migrate_database
from tests.servers.databases import PostgresServer

import keyturn.service.container
import keyturn.service.limits
import keyturn.service.one_time_secrets  # noqa: F401 - so that the metadata is complete
from keyturn.extras import folder
from keyturn.service.database import Database, Model
from keyturn.service.database.migrations import (
    VERSION_TABLE,
    head,
    migrate,
    require_current,
    revision,
)
from keyturn.service.problems.requests import DatabaseUnready

pytestmark = pytest.mark.slow


@pytest.fixture
async def database(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    yield database
    await database.close()


async def alembic(database: Database, move: Callable[[Config, str], None], target: str) -> None:
    def run(connection: Connection) -> None:
        SCRIPTS.attributes.update(connection=connection, version_table=VERSION_TABLE)
        move(SCRIPTS, target)

    async with committing(database) as connection:
        await connection.run_sync(run)


async def differences(database: Database) -> list[Any]:
    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        found: list[Any] = compare_metadata(context, Model.metadata)
        return found

    async with connected(database) as connection:
        return await connection.run_sync(compare)


async def tables(database: Database) -> set[str]:
    async with connected(database) as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


SCRIPTS = Config()
SCRIPTS.set_main_option("script_location", str(folder("migrations")))
DIRECTORY = ScriptDirectory.from_config(SCRIPTS)
IN_THE_WAY = text("CREATE TABLE keyturn_secrets (id integer)")
"""Until its transaction ends, another session cannot create a table of that name, and waits."""


async def test_a_migrated_database_is_what_the_models_say_and_migrating_says_where_it_was(
    database: Database,
) -> None:
    assert await revision(database) is None
    assert await migrate(database) is None

    assert await differences(database) == []
    assert [await revision(database)] == [head()] == DIRECTORY.get_heads()
    assert await migrate(database) == await require_current(database) == head()


async def test_each_step_can_be_taken_back_and_the_way_down_leaves_nothing(
    database: Database,
) -> None:
    for step in reversed([*DIRECTORY.walk_revisions()]):
        await alembic(database, command.upgrade, step.revision)
        before = await tables(database)
        await alembic(database, command.downgrade, "-1")
        await alembic(database, command.upgrade, step.revision)
        assert await tables(database) == before
    assert await differences(database) == []

    await alembic(database, command.downgrade, "base")
    assert await tables(database) == {VERSION_TABLE}
    await migrate(database)
    assert await differences(database) == []


async def test_any_number_of_machines_may_migrate_at_once(empty_url: str) -> None:
    async with AsyncExitStack() as stack:
        machines = [Database(empty_url) for _ in range(4)]
        for machine in machines:
            stack.push_async_callback(machine.close)
        async with asyncio.timeout(60):
            await asyncio.gather(*map(migrate, machines))

        assert await revision(machines[0]) == head()
        assert await differences(machines[0]) == []


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("9999", rf"at revision 9999, newer than {head()} of this version of Keyturn: install"),
        (
            "0015",
            (
                r"revision 0015, of a version that was never released, and cannot be updated: "
                r"remove the tables .*$"
            ),
        ),
    ],
    ids=["newer", "from before the first release"],
)
async def test_a_database_that_this_version_cannot_update_is_not_touched(
    database: Database, at: str, why: str
) -> None:
    await migrate(database)
    async with committing(database) as connection:
        await connection.execute(
            text("UPDATE keyturn_migrations SET version_num = :at"), {"at": at}
        )
    before = await tables(database)

    with pytest.raises(DatabaseUnready, match=why):
        await migrate(database)
    assert await revision(database) == at
    assert await tables(database) == before


async def test_a_table_of_somebody_elses_in_the_way_is_one_sentence_and_nothing_is_made(
    database: Database,
) -> None:
    async with committing(database) as connection:
        await connection.execute(text("CREATE TABLE keyturn_audit (id INTEGER PRIMARY KEY)"))

    with pytest.raises(
        DatabaseUnready,
        match=r"the database refuses the migration: .*keyturn_audit.* already exists$",
    ):
        await migrate(database)
    assert await revision(database) is None
    assert await tables(database) == {"keyturn_audit"}


async def test_a_revision_that_may_not_be_read_is_not_taken_for_none(
    postgresql: PostgresServer,
) -> None:
    url = await asyncio.to_thread(postgresql.migrated)
    role = f"guest_{make_url(url).database}"
    owner, guest = Database(url), Database(url.replace("//postgres:", f"//{role}:"))
    await owner.execute(text(f"CREATE ROLE {role} LOGIN"))
    for ask in (require_current, migrate):
        with pytest.raises(
            DatabaseUnready, match="the revision of the database cannot be read: permission denied"
        ):
            await ask(guest)
    for database in (guest, owner):
        await database.close()
    await asyncio.to_thread(postgresql.drop, url)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_table_that_is_held_ends_the_migration_in_time_and_unchanged(
    database: Database,
) -> None:
    async with connected(database) as other:
        await other.execute(IN_THE_WAY)
        with pytest.raises(
            DatabaseUnready, match="the migration: canceling statement due to lock timeout"
        ):
            await migrate(database, lock_timeout="100ms")
    assert await revision(database) is None

    await migrate(database, lock_timeout="100ms")
    assert await differences(database) == []


@pytest.mark.long
async def test_a_migration_that_is_killed_leaves_the_database_as_it_was(
    empty_url: str, database: Database
) -> None:
    """The next one waits for no lock of the killed one and finishes."""
    killed = 0
    while await asyncio.to_thread(migrate_and_be_killed, empty_url, 2 * killed) == -signal.SIGKILL:
        assert await revision(database) is None
        assert await tables(database) == set()
        killed += 1

    assert killed > 10
    assert await revision(database) == head()
    assert await differences(database) == []


def migrate_and_be_killed(url: str, at: int) -> int:
    """Migrate in a process that kills itself before its statement number `at` of the migration;
    return its exit code.

    Statements count from the first that creates something: before, there is nothing to lose.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "alembic.command", "asyncpg"])
    process = context.Process(target=_killed_migration, args=(url, at))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def _killed_migration(url: str, at: int) -> None:
    seen = 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        if statement.lstrip().startswith("CREATE") or seen:
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    event.listen(Engine, "before_cursor_execute", count)
    asyncio.run(migrate_database(url))


BREAKING = re.compile(
    r"op\.(?!create_table\(|create_index\((?!.*unique=True)|add_column\(.*(?:nullable=True|server_default=))\w+\(.*"
)


@pytest.mark.parametrize(
    "script", [*DIRECTORY.walk_revisions()], ids=lambda script: script.revision
)
def test_a_migration_only_adds(script: Script) -> None:
    """What takes away or changes its meaning says `CONTRACTS = "..."`: since which release nothing
    uses it any more.
    """
    upgrade, *_ = ast.unparse(ast.parse(Path(script.path).read_text())).partition("def downgrade")
    breaking = [call for call in BREAKING.findall(upgrade) if " SET (fillfactor = 50)" not in call]
    assert "\nCONTRACTS = " in upgrade or breaking == [], (
        "where PostgreSQL puts rows is nothing that a process sees"
    )


@pytest.mark.parametrize("databases", ["latin1", "sql_ascii"], indirect=True)
async def test_database_in_another_encoding(database: Database) -> None:
    """A database of PostgreSQL that is not in UTF-8 is refused in a sentence by `migrate` and at
    the start.
    """
    said = (
        r"the database has the encoding \w+, and Keyturn needs UTF8: create one with `CREATE "
        r"DATABASE "
    )
    for refuses in (migrate, require_current):
        with pytest.raises(DatabaseUnready, match=said):
            await refuses(database)

    assert await tables(database) == set()
