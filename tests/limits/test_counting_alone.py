"""One process alone counts in its own memory for a SQLite file; a PostgreSQL counts for all."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.databases import Databases, SqliteFiles

from keyturn.errors import SettingsInvalid
from keyturn.service.counting_alone import counting_alone
from keyturn.service.database import Database


@pytest.fixture
async def two(databases: Databases) -> AsyncIterator[tuple[Database, Database]]:
    url = await asyncio.to_thread(databases.empty)
    one, other = Database(url), Database(url)
    yield one, other
    await one.close()
    await other.close()
    await asyncio.to_thread(databases.drop, url)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_second_one_is_refused_until_the_first_has_ended(two: tuple[Database, Database]) -> None:
    one, other = two
    with counting_alone(one, in_memory=False):
        with (
            pytest.raises(SettingsInvalid, match="another process serves this database"),
            counting_alone(other, in_memory=False),
        ):
            pass
        with counting_alone(other, in_memory=True):
            pass
    with counting_alone(other, in_memory=False):
        pass


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_any_number_of_processes_may_share_a_postgresql(two: tuple[Database, Database]) -> None:
    one, other = two
    with counting_alone(one, in_memory=False), counting_alone(other, in_memory=False):
        pass


async def test_each_file_has_a_process_of_its_own(sqlite: SqliteFiles) -> None:
    one, other = Database(sqlite.empty()), Database(sqlite.empty())
    with counting_alone(one, in_memory=False), counting_alone(other, in_memory=False):
        pass
    await one.close()
    await other.close()
