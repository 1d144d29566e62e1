"""What every store of counters does: memory, SQLite and PostgreSQL. Each store is a class that inherits the tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.databases import Databases
from tests.statements import statements_sent

from keyturn.service.clock import MovableClock, replaced
from keyturn.service.database import Database
from keyturn.service.limits import Counters, Limit, MemoryCounters, StoredCounters
from keyturn.service.settings.building import Rate

HOUR = 3_600


def limit(amount: int, seconds: int = HOUR, who: str = "ada", kind: str = "request") -> Limit:
    return Limit(Rate(amount, seconds), kind, who)


async def accepted(counters: Counters, tried: Limit, times: int) -> int:
    """Return how many of so many requests the limit lets through."""
    return sum([(await counters.hit(tried)).place for _ in range(times)])


class EveryStore:
    """The tests that every store passes. A subclass has the fixture `counters`."""

    @pytest.fixture(autouse=True)
    def clock(self) -> Iterator[MovableClock]:
        clock = MovableClock()
        with replaced(clock, None):
            yield clock

    @pytest.mark.parametrize("amount", [1, 3, 250])
    async def test_a_limit_lets_its_amount_through_at_once_and_no_more(self, counters: Counters, amount: int) -> None:
        assert await accepted(counters, limit(amount), amount + 5) == amount

    async def test_names_and_kinds_count_by_themselves(self, counters: Counters) -> None:
        for other in (limit(1), limit(1, who="eve"), limit(1, kind="reset")):
            assert await accepted(counters, other, 2) == 1

    async def test_a_full_limit_takes_one_request_after_each_gap(self, counters: Counters, clock: MovableClock) -> None:
        assert await accepted(counters, limit(3), 5) == 3
        clock.move(timedelta(minutes=19))
        assert await accepted(counters, limit(3), 1) == 0
        clock.move(timedelta(minutes=1, seconds=1))
        assert await accepted(counters, limit(3), 2) == 1

    async def test_an_unused_limit_refills_to_its_amount_and_not_beyond(
        self, counters: Counters, clock: MovableClock
    ) -> None:
        assert await accepted(counters, limit(3), 5) == 3
        clock.move(timedelta(days=1))
        assert await accepted(counters, limit(3), 5) == 3

    async def test_a_request_is_let_through_once_the_wait_that_a_refusal_names_is_over(
        self, counters: Counters, clock: MovableClock
    ) -> None:
        await accepted(counters, limit(4), 4)
        clock.move(timedelta(minutes=5))
        refused = await counters.hit(limit(4))
        assert refused.wait == pytest.approx(10 * 60, abs=1)

        clock.move(timedelta(seconds=refused.wait + 1))
        assert await accepted(counters, limit(4), 2) == 1

    async def test_a_refused_request_does_not_lengthen_the_wait(self, counters: Counters) -> None:
        waits = [(await counters.hit(limit(1))).wait for _ in range(9)]
        assert waits[0] == 0
        assert waits[1:] == [pytest.approx(HOUR, abs=1)] * 8

    async def test_nothing_is_counted_at_the_first_full_limit_and_after_it(self, counters: Counters) -> None:
        first, second, third = limit(9, kind="first"), limit(1, kind="second"), limit(9, kind="third")
        hits = [await counters.hit(first, second, third) for _ in range(3)]
        assert [hit.place for hit in hits] == [3, 1, 1]

        used = [
            one.used(level)
            for one, level in zip((first, second, third), await counters.levels(first, second, third), strict=True)
        ]
        assert used == [3, 1, 1]

    async def test_a_look_counts_nothing_and_knows_the_wait(self, counters: Counters) -> None:
        for _ in range(3):
            assert list(await counters.levels(limit(1))) == [0]
        await counters.hit(limit(1))
        (level,) = await counters.levels(limit(1))
        assert limit(1).wait(level) == pytest.approx(HOUR, abs=1)

    async def test_a_hit_says_how_much_is_used(self, counters: Counters) -> None:
        assert [limit(5).used((await counters.hit(limit(5))).level) for _ in range(5)] == [1, 2, 3, 4, 5]

    async def test_a_count_that_is_given_back_can_be_used_again(self, counters: Counters) -> None:
        await accepted(counters, limit(5), 5)
        for _ in range(2):
            await counters.give_back(limit(5))
        assert await accepted(counters, limit(5), 5) == 2

    async def test_more_than_was_counted_cannot_be_given_back(self, counters: Counters) -> None:
        await counters.hit(limit(2))
        for _ in range(5):
            await counters.give_back(limit(2))
        assert await accepted(counters, limit(2), 5) == 2

    async def test_a_counter_that_was_cleared_is_empty(self, counters: Counters) -> None:
        await accepted(counters, limit(2), 2)
        await accepted(counters, limit(2, who="eve"), 2)
        await counters.clear(limit(2))
        assert await accepted(counters, limit(2), 5) == 2
        assert await accepted(counters, limit(2, who="eve"), 1) == 0

    @pytest.mark.parametrize("amount", [1, 40])
    async def test_concurrent_requests_do_not_exceed_a_limit(self, counters: Counters, amount: int) -> None:
        hits = await asyncio.gather(*(counters.hit(limit(amount, 24 * HOUR)) for _ in range(amount + 40)))
        assert sum(hit.place for hit in hits) == amount


class TestMemory(EveryStore):
    @pytest.fixture
    def counters(self) -> Counters:
        return MemoryCounters()

    async def test_a_flood_of_clients_erases_no_counter(self, counters: Counters) -> None:
        await counters.hit(limit(1))
        for number in range(110_000):
            await counters.hit(limit(1, who=str(number)))

        assert await accepted(counters, limit(1), 1) == 0

    async def test_empty_counters_make_room_for_new_clients(self, counters: Counters, clock: MovableClock) -> None:
        for number in range(110_000):
            await counters.hit(limit(1, who=str(number)))
        clock.move(timedelta(hours=1, seconds=1))
        refused = [(await counters.hit(limit(1, who=f"new {number}"))).wait for number in range(20_000)]

        assert not any(refused)


class StoredOnes(EveryStore):
    """The tests of a database, which several processes may share."""

    @pytest.fixture
    async def counters(self, databases: list[Database]) -> Counters:
        return StoredCounters(databases[0])

    async def test_concurrent_requests_of_several_processes_do_not_exceed_a_limit(
        self, databases: list[Database]
    ) -> None:
        processes = [StoredCounters(database) for database in databases]
        hits = await asyncio.gather(*(one.hit(limit(30, 24 * HOUR)) for one in processes * 15))
        assert sum(hit.place for hit in hits) == 30

    async def test_a_count_is_part_of_the_callers_transaction(self, databases: list[Database]) -> None:
        counters = StoredCounters(databases[0])
        with pytest.raises(ZeroDivisionError):
            await databases[0].transact(lambda connection: [counters.count(connection, limit(1)), 1 / 0])

        assert await accepted(counters, limit(1), 2) == 1

    async def test_several_counters_are_counted_by_one_statement_each_by_itself(
        self, databases: list[Database]
    ) -> None:
        counters, ada, eve = StoredCounters(databases[0]), limit(2), limit(2, who="eve")
        await counters.hit(ada)
        with statements_sent() as several:
            levels = await databases[0].transact(lambda one: counters.count_each(one, [ada, eve], [True, True]))
        with statements_sent() as none:
            unwanted = await databases[0].transact(lambda one: counters.count_each(one, [ada, eve], [False, False]))

        assert [ada.used(level or 0) for level in levels] == [2, 1]
        assert (list(unwanted), none) == ([None, None], several), "the same statement, which counts nothing"
        assert await accepted(counters, ada, 1) == 0
        assert await accepted(counters, eve, 2) == 1

    async def test_one_counter_may_be_counted_several_times_at_once(self, databases: list[Database]) -> None:
        counters, ada = StoredCounters(databases[0]), limit(2)
        levels = await databases[0].transact(lambda one: counters.count_each(one, [ada] * 4, [True, False, True, True]))

        assert [level is not None for level in levels] == [True, False, True, False]


class TestSqlite(StoredOnes):
    @pytest.fixture
    async def databases(self, sqlite: Databases) -> AsyncIterator[list[Database]]:
        async with opened(sqlite.migrated()) as databases:
            yield databases


class TestPostgresql(StoredOnes):
    @pytest.fixture
    async def databases(self, postgresql_url: str) -> AsyncIterator[list[Database]]:
        async with opened(postgresql_url) as databases:
            yield databases


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[list[Database]]:
    """Open the database as three processes do."""
    databases = [Database(url, timeout=timedelta(seconds=30)) for _ in range(3)]
    try:
        yield databases
    finally:
        for database in databases:
            await database.close()
