"""Where the limits are counted."""

import pytest
from sqlalchemy import text

from keyturn.database import Database
from keyturn.doctor.services import check_limits
from keyturn.finding import Finding
from keyturn.settings import DatabaseSettings, LimitSettings, Secret, Settings


async def counted_in(database: str = "sqlite:///keyturn.db", *, in_memory: bool = False) -> Finding:
    settings = Settings(limits=LimitSettings(in_memory=in_memory), database=DatabaseSettings(url=Secret(database)))
    (found,) = await check_limits(settings)
    assert found.check == "limits"
    return found


async def test_memory_is_right_for_one_process() -> None:
    assert (await counted_in(in_memory=True)).verdict == "ok"


async def test_on_sqlite_a_second_process_is_refused() -> None:
    found = await counted_in()

    assert found.verdict == "ok"
    assert "refuses" in found.message


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_postgresql_counts_for_all_processes_and_its_latency_is_told(database_url: str) -> None:
    found = await counted_in(database_url)

    assert found.verdict == "ok"
    assert found.message.startswith("PostgreSQL counts for all processes, and answers in ")


async def test_a_postgresql_that_is_not_there_is_told_and_what_it_means() -> None:
    found = await counted_in("postgresql://keyturn:hunter2@127.0.0.1:1/keyturn")

    assert found.verdict == "fail"
    assert "database" in found.mend
    assert "503" in found.mend
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_postgresql_without_tables_says_so(database_url: str) -> None:
    database = Database(database_url)
    await database.execute(text("DROP TABLE keyturn_rate_windows"))
    await database.close()
    found = await counted_in(database_url)

    assert found.verdict == "fail"
    assert "does not exist" in found.message


async def test_memory_is_not_shared_where_the_database_is() -> None:
    found = await counted_in("postgresql://db.test/keyturn", in_memory=True)

    assert found.verdict == "warn"
    assert "remove limits.in_memory" in found.mend
