"""Requests that wait share one statement; what is read by a list of values is found by an index."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import InstrumentedAttribute
from tests.contracts.plans import plans_of
from tests.driver.connections import connected

from keyturn.service.database import Database
from keyturn.service.database.batching import Batcher
from keyturn.service.database.statements import is_one_of
from keyturn.service.one_time_secrets import SecretRow
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.reset.records.audit import AuditRow


class Statement:
    """Doubles its items, once it is let through; remembers what it was run with.

    A negative item fails its batch.
    """

    def __init__(self) -> None:
        self.fault = Exception("negative")
        self.runs: list[list[int]] = []
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.runs.append(list(items))
        self.entered.set()
        await self.open.wait()
        if any(item < 0 for item in items):
            raise self.fault
        return [item * 2 for item in items]


@pytest.fixture
def statement() -> Statement:
    return Statement()


async def waiting(statement: Statement, *items: int) -> list[asyncio.Task[int]]:
    """Submit the items while a batch of [0] is under way, so that all of them wait together."""
    batcher: Batcher[int, int] = Batcher(statement)
    statement.open.clear()
    first = asyncio.create_task(batcher.submit(0))
    await statement.entered.wait()
    tasks = [first, *(asyncio.create_task(batcher.submit(item)) for item in items)]
    for _ in items:
        await asyncio.sleep(0)  # each task has its turn, and reaches its wait
    return tasks


async def test_a_batch_holds_no_more_than_the_largest(statement: Statement) -> None:
    batcher: Batcher[int, int] = Batcher(statement, largest=3)

    assert await asyncio.gather(*map(batcher.submit, range(7))) == [0, 2, 4, 6, 8, 10, 12]
    assert statement.runs == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize(
    ("fault", "told", "tried_again"),
    [
        (ValueError("negative"), [0, 2, ValueError, 6], [[1], [-2], [3]]),
        (DatabaseUnready("away"), [0, *[DatabaseUnready] * 3], []),
    ],
    ids=["of one item", "of all"],
)
async def test_a_fault_is_its_items_alone_unless_it_is_the_databases(
    statement: Statement, fault: Exception, told: list[Any], tried_again: list[list[int]]
) -> None:
    statement.fault = fault
    tasks = await waiting(statement, 1, -2, 3)
    statement.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) if isinstance(one, Exception) else one for one in results] == told
    assert statement.runs == [[0], [1, -2, 3], *tried_again]


async def test_who_gives_up_does_not_take_the_batch_along(statement: Statement) -> None:
    running, one, two = await waiting(statement, 1, 2)
    one.cancel()
    running.cancel()
    statement.open.set()

    assert await two == 4
    with pytest.raises(asyncio.CancelledError):
        await one
    assert statement.runs == [[0], [1, 2]], (
        "what was submitted is done, since its waiter may have been told so"
    )


async def test_a_result_that_is_an_exception_is_its_items_alone_and_nothing_is_run_again() -> None:
    runs: list[Sequence[int]] = []

    async def positive_only(items: Sequence[int]) -> Sequence[int | Exception]:
        runs.append(list(items))
        return [item if item > 0 else ValueError(f"{item} is not positive") for item in items]

    batcher: Batcher[int, int] = Batcher(positive_only)
    results = await asyncio.gather(*map(batcher.submit, [1, -2, 3]), return_exceptions=True)

    assert list(map(repr, results)) == ["1", "ValueError('-2 is not positive')", "3"]
    assert runs == [[1, -2, 3]]


async def test_each_caller_has_a_time_of_its_own_from_its_arrival(statement: Statement) -> None:
    batcher: Batcher[int, int] = Batcher(statement, in_time=lambda: asyncio.timeout(0.3))
    statement.open.clear()
    waits = [asyncio.create_task(batcher.submit(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    waits.append(asyncio.create_task(batcher.submit(3)))
    async with asyncio.timeout(
        10
    ):  # the one that came later waits for its own time, and not for the batch before it
        results = await asyncio.gather(*waits, return_exceptions=True)
    statement.open.set()

    assert [type(result) for result in results] == [TimeoutError] * 3


async def test_a_batch_takes_along_who_comes_while_the_event_loop_comes_round(
    statement: Statement,
) -> None:
    batcher: Batcher[int, int] = Batcher(statement)

    async def come_later(number: int) -> int:
        for _ in range(number):
            await asyncio.sleep(0)
        return await batcher.submit(number)

    statement.open.clear()
    tasks = [asyncio.create_task(come_later(number)) for number in range(4)]
    await statement.entered.wait()
    for _ in tasks:
        await asyncio.sleep(0)
    statement.open.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6]
    assert statement.runs == [[0, 1, 2, 3]]


MOMENT = datetime(2026, 11, 20, 14, 0, 1, tzinfo=UTC)
LINK = {"purpose": "secure", "mailbox": b"", "data": "", "created_at": MOMENT, "expires_at": MOMENT}
LINKS = [
    LINK | {"key": bytes([number]) * 32, "account_id": f"account {number}"} for number in range(20)
]


@pytest.fixture
async def database(database: Database) -> Database:
    await database.execute(insert(SecretRow).values(LINKS))
    return database


async def found(
    database: Database, column: InstrumentedAttribute[Any], values: list[Any]
) -> list[str]:
    statement = select(SecretRow.account_id).where(is_one_of(column, "wanted", database.dialect))
    return sorted(row["account_id"] for row in await database.fetch(statement, {"wanted": values}))


@pytest.mark.parametrize("count", [0, 1, 2, 20])
async def test_what_is_given_is_found_by_bytes_and_by_text(database: Database, count: int) -> None:
    names = sorted(str(link["account_id"]) for link in LINKS[:count])
    assert await found(database, SecretRow.key, [link["key"] for link in LINKS[:count]]) == names
    assert await found(database, SecretRow.account_id, [*names, "nobody's"]) == names


async def test_times_and_numbers_are_found_as_well(database: Database) -> None:
    assert len(await found(database, SecretRow.created_at, [MOMENT])) == len(LINKS)

    entry = dict.fromkeys(
        ("event", "outcome", "account_id", "email", "ip_address", "user_agent", "request_id"), ""
    )
    entries = [{**entry, "at": MOMENT, "message_id": number} for number in (7, 2**40)]
    await database.execute(insert(AuditRow).values(entries))
    numbers = select(AuditRow.message_id).where(
        is_one_of(AuditRow.message_id, "ids", database.dialect)
    )
    (row,) = await database.fetch(numbers, {"ids": [1, 2**40]})
    assert row["message_id"] == 2**40


@pytest.mark.parametrize(
    "values", [["'; DROP TABLE keyturn_secrets; --"], ["{a,b}", '"', "\\", "NULL", ""]]
)
async def test_a_value_is_a_value_whatever_is_in_it(database: Database, values: list[str]) -> None:
    await database.execute(
        insert(SecretRow), LINKS[0] | {"key": b"9" * 32, "account_id": values[0]}
    )

    assert await found(database, SecretRow.account_id, values) == values[:1]


async def test_an_index_finds_them_by_one_statement_for_any_number_of_them(
    database: Database,
) -> None:
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
async def test_who_reads_never_waits_for_those_who_wait_to_write(
    database: Database, database_url: str
) -> None:
    elsewhere = Database(database_url)
    async with connected(elsewhere) as connection:
        await connection.execute(text("DELETE FROM keyturn_secrets"))
        writers = [
            asyncio.create_task(database.execute(text("DELETE FROM keyturn_audit")))
            for _ in range(20)
        ]
        await asyncio.sleep(0)  # each is begun
        async with asyncio.timeout(20):
            for _ in range(20):
                assert len(await found(database, SecretRow.created_at, [MOMENT])) == len(LINKS)
        assert not any(writer.done() for writer in writers)
    await asyncio.gather(*writers)
    await elsewhere.close()
