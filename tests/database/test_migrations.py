"""The migrations make what the models say, one after the other and from several machines at once."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, make_url, text
from tests.connections import committing, connected
from tests.databases import Databases, PostgresServer

import keyturn.accounts.builtin
import keyturn.outbox.models
import keyturn.reset.proofs.second_step.models
import keyturn.reset.records.models  # noqa: F401 - so that the metadata is complete
from keyturn.database import Database, Model
from keyturn.database.migrations import VERSION_TABLE, head, migrate, require_current, revision
from keyturn.packaging import folder
from keyturn.problems.requests import DatabaseUnready


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    """Make a database that was never migrated."""
    url = await asyncio.to_thread(databases.empty)
    yield url
    await asyncio.to_thread(databases.drop, url)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder("migrations")))
    return config


async def alembic(database: Database, move: Callable[[Config, str], None], target: str) -> None:
    def run(connection: Connection) -> None:
        config = scripts()
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        move(config, target)

    async with committing(database) as connection:
        await connection.run_sync(run)


async def differences(database: Database) -> list[Any]:
    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        found: list[Any] = compare_metadata(context, Model.metadata)
        return found

    async with connected(database) as connection:
        return await connection.run_sync(compare)


async def tables(database: Database) -> set[str]:
    async with connected(database) as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


@pytest.mark.parametrize(
    ("name", "condition"),
    [("waiting", "state = 'waiting'"), ("not_erased", "settled_at IS NOT NULL AND payload <> '{}'")],
)
async def test_indexes_of_the_outbox_hold_what_is_looked_for_alone(
    database: Database, name: str, condition: str
) -> None:
    await migrate(database)
    on_sqlite = "SELECT sql FROM sqlite_master WHERE name = :name"
    on_postgresql = "SELECT indexdef AS sql FROM pg_indexes WHERE indexname = :name"
    asked = text(on_sqlite if database.is_sqlite else on_postgresql)
    (row,) = await database.fetch(asked, {"name": f"ix_keyturn_outbox_{name}"})
    said = re.sub(r"[()]|::\w+( \w+)?", "", row["sql"].partition(" WHERE ")[2]).replace("!=", "<>")

    assert said == condition


async def test_a_migrated_database_is_what_the_models_say(database: Database) -> None:
    await migrate(database)

    assert await differences(database) == []


async def test_the_way_down_leaves_nothing_and_the_way_up_works_again(database: Database) -> None:
    await migrate(database)
    await alembic(database, command.downgrade, "base")
    assert await tables(database) == {VERSION_TABLE}

    await migrate(database)
    assert await differences(database) == []


async def test_each_step_can_be_taken_back(database: Database) -> None:
    for step in reversed(list(ScriptDirectory.from_config(scripts()).walk_revisions())):
        await alembic(database, command.upgrade, step.revision)
        before = await tables(database)
        await alembic(database, command.downgrade, "-1")
        await alembic(database, command.upgrade, step.revision)
        assert await tables(database) == before

    assert await differences(database) == []


def test_there_is_one_newest_revision_and_it_is_known_without_alembic() -> None:
    assert [head()] == ScriptDirectory.from_config(scripts()).get_heads()


async def test_migrating_says_where_the_database_was(database: Database) -> None:
    assert await revision(database) is None
    assert await migrate(database) is None
    assert await revision(database) == head()
    assert await migrate(database) == head()


async def test_any_number_of_machines_may_migrate_at_once(url: str) -> None:
    async with AsyncExitStack() as stack:
        machines = [Database(url) for _ in range(4)]
        for machine in machines:
            stack.push_async_callback(machine.close)
        async with asyncio.timeout(60):
            await asyncio.gather(*map(migrate, machines))

        assert await revision(machines[0]) == head()
        assert await differences(machines[0]) == []


async def test_a_database_that_was_never_migrated_says_what_to_do(database: Database) -> None:
    with pytest.raises(DatabaseUnready, match=r"has no tables of Keyturn's yet: run `keyturn migrate`"):
        await require_current(database)


async def test_a_database_that_a_newer_keyturn_has_added_to_is_used(database: Database) -> None:
    await migrate(database)
    await put_at(database, "9999")

    assert await require_current(database) == "9999"


async def test_a_database_that_lacks_what_this_keyturn_needs_says_so(database: Database) -> None:
    await migrate(database)
    await put_at(database, "9999")
    async with committing(database) as connection:
        await connection.execute(text("ALTER TABLE keyturn_mailboxes RENAME COLUMN suppressed_until TO kept_until"))

    with pytest.raises(
        DatabaseUnready, match=r"has no keyturn_mailboxes\.suppressed_until any more: install the newer"
    ):
        await require_current(database)


async def test_a_newer_database_is_not_migrated(database: Database) -> None:
    await migrate(database)
    await put_at(database, "9999")

    with pytest.raises(DatabaseUnready, match=f"at revision 9999, newer than the {head()} of this Keyturn: install"):
        await migrate(database)


async def test_a_database_older_than_the_first_revision_is_told_which_keyturn_brings_it_there(
    database: Database,
) -> None:
    await migrate(database)
    await put_at(database, "0009")
    before = await tables(database)

    with pytest.raises(
        DatabaseUnready,
        match=r"revision 0009, and this Keyturn begins at 0010: first run `keyturn migrate` of its git commit \w{8}$",
    ):
        await migrate(database)
    assert await revision(database) == "0009"
    assert await tables(database) == before


async def test_a_database_at_the_first_revision_is_brought_on_from_there(database: Database) -> None:
    """Earlier migrations ended where the first one ends now, so a database at its revision needs nothing else."""
    await alembic(database, command.upgrade, "0010")

    assert await migrate(database) == "0010"
    assert await revision(database) == head()
    assert await differences(database) == []


async def put_at(database: Database, revision: str) -> None:
    async with committing(database) as connection:
        await connection.execute(text("UPDATE keyturn_migrations SET version_num = :at"), {"at": revision})


async def test_a_current_database_is_fine(database: Database) -> None:
    await migrate(database)

    await require_current(database)


async def test_a_server_that_does_not_answer_cannot_be_migrated() -> None:
    with pytest.raises(DatabaseUnready, match="cannot be reached"):
        await migrate(Database("postgresql://keyturn@127.0.0.1:9/keyturn"))


async def test_somebody_elses_tables_and_migrations_are_left_alone(database: Database) -> None:
    async with committing(database) as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        await connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
        await connection.execute(text("CREATE TABLE users (id INTEGER)"))
    await migrate(database)

    (row,) = await database.fetch(text("SELECT version_num FROM alembic_version"))
    assert row["version_num"] == "theirs"
    assert {"users", "alembic_version"} < await tables(database)
    assert all(name.startswith("keyturn_") for name in await tables(database) - {"users", "alembic_version"})


async def test_a_table_of_somebody_elses_in_the_way_is_one_sentence_and_nothing_is_made(database: Database) -> None:
    async with committing(database) as connection:
        await connection.execute(text("CREATE TABLE keyturn_audit (id INTEGER PRIMARY KEY)"))

    with pytest.raises(DatabaseUnready, match=r"the database refuses the migration: .*keyturn_audit.* already exists$"):
        await migrate(database)
    assert await revision(database) is None
    async with connected(database) as connection:
        assert await connection.run_sync(lambda one: inspect(one).get_table_names()) == ["keyturn_audit"]


async def test_a_revision_that_may_not_be_read_is_not_taken_for_none(postgresql: PostgresServer) -> None:
    url = await asyncio.to_thread(postgresql.migrated)
    role = f"guest_{make_url(url).database}"
    owner, guest = Database(url), Database(url.replace("//postgres:", f"//{role}:"))
    await owner.execute(text(f"CREATE ROLE {role} LOGIN"))
    for ask in (require_current, migrate):
        with pytest.raises(DatabaseUnready, match="the database does not tell its revision: permission denied"):
            await ask(guest)
    for database in (guest, owner):
        await database.close()
    await asyncio.to_thread(postgresql.drop, url)
