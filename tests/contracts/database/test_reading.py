"""What is read by a list of values: found whatever their type, by an index, and by a statement that is built once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import InstrumentedAttribute
from tests.contracts.plans import plans_of
from tests.driver.connections import connected

from keyturn.service.database import Database
from keyturn.service.reset.records.audit import AuditRow
from keyturn.service.secrets import SecretRow

MOMENT = datetime(2026, 11, 20, 14, 0, 1, tzinfo=UTC)
LINK = {"purpose": "secure", "mailbox": b"", "data": "", "created_at": MOMENT, "expires_at": MOMENT}
LINKS = [LINK | {"key": bytes([number]) * 32, "account_id": f"account {number}"} for number in range(20)]


@pytest.fixture
async def database(database: Database) -> Database:
    await database.execute(insert(SecretRow).values(LINKS))
    return database


async def found(database: Database, column: InstrumentedAttribute[Any], values: list[Any]) -> list[str]:
    statement = select(SecretRow.account_id).where(database.is_one_of(column, "wanted"))
    return sorted(row["account_id"] for row in await database.fetch(statement, {"wanted": values}))


@pytest.mark.parametrize("count", [0, 1, 2, 20])
async def test_what_is_given_is_found_by_bytes_and_by_text(database: Database, count: int) -> None:
    names = sorted(str(link["account_id"]) for link in LINKS[:count])
    assert await found(database, SecretRow.key, [link["key"] for link in LINKS[:count]]) == names
    assert await found(database, SecretRow.account_id, [*names, "nobody's"]) == names


async def test_times_and_numbers_are_found_as_well(database: Database) -> None:
    assert len(await found(database, SecretRow.created_at, [MOMENT])) == len(LINKS)

    entry = dict.fromkeys(("event", "outcome", "account_id", "email", "ip_address", "user_agent", "request_id"), "")
    entries = [{**entry, "at": MOMENT, "message_id": number} for number in (7, 2**40)]
    await database.execute(insert(AuditRow).values(entries))
    numbers = select(AuditRow.message_id).where(database.is_one_of(AuditRow.message_id, "ids"))
    (row,) = await database.fetch(numbers, {"ids": [1, 2**40]})
    assert row["message_id"] == 2**40


@pytest.mark.parametrize("values", [["'; DROP TABLE keyturn_secrets; --"], ["{a,b}", '"', "\\", "NULL", ""]])
async def test_a_value_is_a_value_whatever_is_in_it(database: Database, values: list[str]) -> None:
    await database.execute(insert(SecretRow), LINKS[0] | {"key": b"9" * 32, "account_id": values[0]})

    assert await found(database, SecretRow.account_id, values) == values[:1]


async def test_an_index_finds_them_by_one_statement_for_any_number_of_them(database: Database) -> None:
    if not database.is_sqlite:  # which would read so few rows one by one
        name = database.url.database
        await database.execute(text(f'ALTER DATABASE "{name}" SET enable_seqscan = off'))
        await database.close()
    names = [str(link["account_id"]) for link in LINKS]

    async def look() -> None:
        for count in range(1, 20):
            await found(database, SecretRow.account_id, names[:count])

    plans = (await plans_of(database, look)).values()
    assert all("ix_keyturn_secrets_account_id" in plan for plan in plans)
    assert len(plans) == 1 or database.is_sqlite


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_who_reads_never_waits_for_those_who_wait_to_write(database: Database, database_url: str) -> None:
    elsewhere = Database(database_url)
    async with connected(elsewhere) as connection:
        await connection.execute(text("DELETE FROM keyturn_secrets"))
        writers = [asyncio.create_task(database.execute(text("DELETE FROM keyturn_audit"))) for _ in range(20)]
        await asyncio.sleep(0)  # each is begun
        async with asyncio.timeout(20):
            for _ in range(20):
                assert len(await found(database, SecretRow.created_at, [MOMENT])) == len(LINKS)
        assert not any(writer.done() for writer in writers)
    await asyncio.gather(*writers)
    await elsewhere.close()
