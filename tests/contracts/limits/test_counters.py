"""What every store of counters does, and in PostgreSQL what limits cost and hold.

Each store inherits the tests.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest
from sqlalchemy import text
from tests.driver.connections import committing
from tests.driver.service import ADA
from tests.driver.statements import statements_sent

from keyturn.service.client import Client
from keyturn.service.clock import MovableClock, now, replaced
from keyturn.service.database import Database
from keyturn.service.limits import (
    Hit,
    Limit,
    MemoryCounters,
    RateLimits,
    StoredCounters,
    with_stored_counters,
)
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.records.retention import Retention
from keyturn.service.settings import LimitSettings
from keyturn.service.settings.rates import Rate

HOUR = 3_600


def limit(amount: int, seconds: int = HOUR, who: str = "ada", kind: str = "request") -> Limit:
    return Limit(Rate(amount, seconds), kind, who)


class Counting:
    """Counts in memory, or in a database outside of any transaction."""

    def __init__(self, database: Database | None = None) -> None:
        self._database = database
        self._memory = MemoryCounters()

    async def run(self, work: Callable[[Any], Any]) -> Any:
        if self._database:
            return await with_stored_counters(self._database, work)
        return work(self._memory)

    async def hit(self, *limits: Limit) -> Hit:
        hit: Hit = await self.run(lambda counters: counters.count(*limits))
        return hit

    async def used(self, *limits: Limit) -> list[int]:
        levels = await self.run(lambda counters: counters.levels(*limits))
        return [limit.used(levels[limit]) for limit in limits]


async def accepted(counters: Counting, tried: Limit, times: int) -> int:
    return sum([not (await counters.hit(tried)).full for _ in range(times)])


class EveryStore:
    """The tests that every store passes. A subclass has the fixture `counters`."""

    @pytest.fixture(autouse=True)
    def clock(self) -> Iterator[MovableClock]:
        clock = MovableClock()
        with replaced(clock, None):
            yield clock

    @pytest.mark.parametrize("amount", [1, 3, 250])
    async def test_a_limit_lets_its_amount_through_at_once_and_no_more(
        self, counters: Counting, amount: int
    ) -> None:
        assert await accepted(counters, limit(amount), amount + 5) == amount

    async def test_a_full_limit_takes_one_request_after_each_gap(
        self, counters: Counting, clock: MovableClock
    ) -> None:
        for wait, let_through in ((0, 3), (19 * 60, 0), (61, 1), (24 * HOUR, 3)):
            clock.move(timedelta(seconds=wait))
            assert await accepted(counters, limit(3), 5) == let_through

    async def test_a_request_passes_after_the_wait_of_a_refusal(
        self, counters: Counting, clock: MovableClock
    ) -> None:
        await accepted(counters, limit(4), 4)
        clock.move(timedelta(minutes=5))
        refused = await counters.hit(limit(4))
        assert refused.wait == pytest.approx(10 * 60, abs=1)

        clock.move(timedelta(seconds=refused.wait + 1))
        assert await accepted(counters, limit(4), 2) == 1

    async def test_a_refused_request_does_not_lengthen_the_wait(self, counters: Counting) -> None:
        waits = [(await counters.hit(limit(1))).wait for _ in range(9)]
        assert waits[0] == 0
        assert waits[1:] == [pytest.approx(HOUR, abs=1)] * 8

    async def test_if_one_of_several_limits_is_full_none_counts_the_request(
        self, counters: Counting
    ) -> None:
        first, second, third = (
            limit(9, kind="first"),
            limit(1, kind="second"),
            limit(9, kind="third"),
        )
        hits = [await counters.hit(first, second, third) for _ in range(3)]

        assert [hit.full for hit in hits] == [None, second, second]
        assert await counters.used(first, second, third) == [1, 1, 1]

    async def test_a_hit_and_a_look_say_how_much_is_used_and_a_look_counts_nothing(
        self, counters: Counting
    ) -> None:
        for used in range(5):
            assert await counters.used(limit(5)) == [used]
            hit = await counters.hit(limit(5))
            assert limit(5).used(hit.levels[limit(5)]) == used + 1

    async def test_names_and_kinds_count_by_themselves_and_can_be_cleared(
        self, counters: Counting
    ) -> None:
        others = [limit(2, who="eve"), limit(2, kind="reset")]
        assert [await accepted(counters, one, 5) for one in (limit(2), *others)] == [2, 2, 2]
        assert await counters.run(lambda one: one.clear(limit(2)))
        assert [await accepted(counters, one, 5) for one in (limit(2), *others)] == [2, 0, 0]


class TestMemory(EveryStore):
    @pytest.fixture
    def counters(self) -> Counting:
        return Counting()

    async def test_a_flood_of_clients_takes_bounded_memory_forgets_the_idlest_and_makes_room_again(
        self, counters: Counting, clock: MovableClock
    ) -> None:
        clients = [limit(1, who=str(number)) for number in range(100_010)]
        for client in clients:
            await counters.hit(client)

        assert (await counters.used(*clients)).count(0) == 10
        assert await accepted(counters, clients[-1], 1) == 0
        clock.move(timedelta(hours=1, seconds=1))
        assert not any(
            [(await counters.hit(limit(1, who=f"new {number}"))).wait for number in range(20_000)]
        )


class TestStored(EveryStore):
    """The tests of a database, which several processes may share."""

    @pytest.fixture
    async def processes(self, database_url: str) -> AsyncIterator[list[Database]]:
        processes = [Database(database_url, timeout=timedelta(seconds=30)) for _ in range(3)]
        yield processes
        for one in processes:
            await one.close()

    @pytest.fixture
    async def counters(self, processes: list[Database]) -> Counting:
        return Counting(processes[0])

    @pytest.mark.parametrize("amount", [1, 30])
    async def test_concurrent_requests_of_several_processes_exceed_no_limit(
        self, processes: list[Database], amount: int
    ) -> None:
        hits = await asyncio.gather(
            *(one.hit(limit(amount, 24 * HOUR)) for one in map(Counting, processes * 15))
        )
        assert [hit.full for hit in hits].count(None) == amount

    @pytest.mark.parametrize(("given_back", "free"), [(2, 2), (7, 5)])
    async def test_a_count_given_back_is_free_again(
        self, counters: Counting, given_back: int, free: int
    ) -> None:
        await accepted(counters, limit(5), 5)
        for _ in range(given_back):
            await counters.run(lambda one: one.give_back(limit(5)))
        assert await accepted(counters, limit(5), 9) == free

    async def test_a_request_that_another_limit_refuses_is_given_back(
        self, counters: Counting
    ) -> None:
        wide, narrow = limit(200, 24 * HOUR), limit(40, 24 * HOUR, kind="overall")
        hits = await asyncio.gather(*(counters.hit(wide, narrow) for _ in range(80)))

        assert [hit.full for hit in hits].count(None) == 40
        assert await counters.used(wide) == [40]

    async def test_a_count_is_in_the_callers_transaction(
        self, counters: Counting, processes: list[Database]
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            await processes[0].transact(
                lambda connection: [StoredCounters(connection).count(limit(1)), 1 / 0]
            )

        assert await accepted(counters, limit(1), 2) == 1

    async def test_several_requests_share_statements(
        self, counters: Counting, processes: list[Database]
    ) -> None:
        ada, eve, all_together = limit(2), limit(1, who="eve"), limit(9, kind="overall")
        await counters.hit(eve)
        with statements_sent() as several:
            hits = await processes[0].transact(
                lambda one: StoredCounters(one).count_each([[ada, all_together]])
            )
        with statements_sent() as none:
            unwanted = await processes[0].transact(
                lambda one: StoredCounters(one).count_each([[], []])
            )

        assert ([hit.full for hit in hits], [hit.full for hit in unwanted]) == (
            [None],
            [None, None],
        )
        assert none == several, "the same statement, which counts nothing"
        assert await counters.used(ada, eve, all_together) == [1, 1, 1]

    async def test_a_request_that_is_refused_refuses_no_other_of_the_same_statement(
        self, counters: Counting, processes: list[Database]
    ) -> None:
        ada, day, eve = limit(2), limit(1, kind="daily"), limit(1, who="eve")
        await counters.hit(day)
        each = [[ada, day], [eve], [ada], [], [ada], [ada]]
        hits = await processes[0].transact(lambda one: StoredCounters(one).count_each(each))

        assert [hit.full for hit in hits] == [day, None, None, None, None, ada]
        assert await counters.used(ada, day, eve) == [2, 1, 1]

    async def test_requests_of_one_statement_share_a_counter(
        self, counters: Counting, processes: list[Database]
    ) -> None:
        """A client beyond its own limit uses up nothing of the limit that it shares with the
        others.
        """
        ada, eve, overall = limit(2), limit(2, who="eve"), limit(3, kind="overall")
        each = [[ada, overall]] * 4 + [[eve, overall]] * 2
        hits = await processes[0].transact(lambda one: StoredCounters(one).count_each(each))

        assert [hit.full for hit in hits] == [None, None, ada, ada, None, overall]
        assert [overall.used(hit.levels[overall]) for hit in hits if not hit.full] == [1, 2, 3]
        assert await counters.used(ada, eve, overall) == [2, 1, 3]

    async def test_requests_with_room_take_one_statement(
        self, counters: Counting, processes: list[Database]
    ) -> None:
        """Requests that wait together take one statement, as long as their counters have room."""
        ada, eve, overall = limit(2), limit(2, who="eve"), limit(3, kind="overall")
        each = [[ada, overall], [eve, overall]]
        with statements_sent() as sent:
            await processes[0].read(lambda one: StoredCounters(one).count_together(each))

        assert len(sent) == 1
        assert await counters.used(ada, eve, overall) == [1, 1, 2]

    @pytest.mark.parametrize("times", [2, 4])
    async def test_together_without_room_counts_nothing(
        self, counters: Counting, processes: list[Database], times: int
    ) -> None:
        """One statement counts all requests or, if a counter lacks the room for all, none."""
        ada, overall = limit(3), limit(9, kind="overall")
        if times == 2:
            await accepted(counters, ada, 2)
        each = [[overall], *[[ada, overall]] * times]
        used = await counters.used(ada, overall)

        assert await processes[0].read(lambda one: StoredCounters(one).count_together(each)) is None
        assert await counters.used(ada, overall) == used


HERE = Client(ip_address="192.0.2.1")
COUNTERS = text("SELECT count(*) AS n FROM keyturn_limits")
# In the order of the keys, as the counts: an update of all in any other order could wait for them
# in a circle.
EMPTIED = text(
    "WITH held AS (SELECT key FROM keyturn_limits ORDER BY key FOR UPDATE)"
    " UPDATE keyturn_limits AS one SET tat = 1 FROM held WHERE one.key = held.key"
)


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    database = Database(postgresql_url, timeout=timedelta(seconds=20))
    yield database
    await database.close()


def limits_in(database: Database, **rates: Any) -> RateLimits:
    return RateLimits(LimitSettings(**rates), database)


async def number(database: Database, statement: Any = COUNTERS) -> int:
    (row,) = await database.fetch(statement)
    return int(row["n"])


async def test_the_database_holds_digests_and_no_addresses(database: Database) -> None:
    limits = limits_in(database)
    await limits.count("request", HERE)
    await limits.count_guess("address", ADA)
    rows = await database.fetch(text("SELECT * FROM keyturn_limits"))

    assert len(rows) == 2
    assert {len(row["key"]) for row in rows} == {32}
    assert HERE.ip_address not in str(rows)


async def test_a_client_whose_limit_is_used_up_costs_no_write(database: Database) -> None:
    limits = limits_in(database, request="1/hour")
    await limits.count("request", HERE)
    version = text("SELECT ctid::text || xmin::text || xmax::text AS version FROM keyturn_limits")
    before = await database.fetch(version)
    for _ in range(5):
        with pytest.raises(TooManyRequests):
            await limits.count("request", HERE)

    assert await database.fetch(version) == before


async def test_waiting_requests_share_statements(database: Database) -> None:
    """Requests that wait while others are counted cost as many statements as one request."""
    limits = limits_in(database, request="5/hour", overall="40/hour")
    clients = [Client(ip_address=f"192.0.2.{number % 10}") for number in range(100)]
    with statements_sent() as sent:
        counts = (limits.count("request", client, within_overall=True) for client in clients)
        outcomes = await asyncio.gather(*counts, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes].count(type(None)) == 40
    assert len(sent) <= 6


async def test_a_counter_that_is_held_delays_only_its_own_clients(
    database: Database, postgresql_url: str
) -> None:
    limits, other = limits_in(database), Database(postgresql_url)
    await limits.count("request", HERE)
    async with asyncio.timeout(15):
        async with committing(database) as connection:
            await connection.execute(text("SELECT key FROM keyturn_limits FOR UPDATE"))
            waiting = asyncio.create_task(limits.count("request", HERE))
            await limits_in(other).count("request", Client(ip_address="192.0.2.2"))
            assert not waiting.done()
        await waiting
    await other.close()


async def test_the_sweep_deletes_empty_counters_that_nobody_uses_and_no_others(
    database: Database,
) -> None:
    limits = limits_in(database, overall="1/hour", client="1/hour")
    sweep = Retention(database, timedelta(days=365))
    clients = [Client(ip_address=str(IPv4Address(number))) for number in range(1, 701)]
    await asyncio.gather(*(limits.count("request", client) for client in clients))
    await database.execute(EMPTIED)
    await limits.count("validate", HERE, within_overall=True)
    assert await number(database) == 702

    async with asyncio.timeout(15), committing(database) as connection:
        await connection.execute(
            text("SELECT key FROM keyturn_limits WHERE tat = 1 LIMIT 1 FOR UPDATE")
        )
        assert (await sweep.purge(now()))["limits"] == 699
    assert (await sweep.purge(now()))["limits"] == 1
    assert await number(database) == 2


@pytest.mark.long
async def test_statements_of_several_processes_never_wait_for_each_other_in_a_circle(
    postgresql_url: str,
) -> None:
    databases = [Database(postgresql_url) for _ in range(4)]
    processes = [limits_in(one, request="100000/hour", overall="100000/hour") for one in databases]
    sweep = Retention(databases[0], timedelta(days=365))

    async def ask(limits: RateLimits, first: int) -> None:
        for turn in range(25):
            clients = (
                Client(ip_address=f"192.0.2.{(first * turn + one) % 30}") for one in range(30)
            )
            await asyncio.gather(
                *(limits.count("request", client, within_overall=True) for client in clients)
            )

    async def forget() -> None:
        for _ in range(25):
            await databases[0].execute(EMPTIED)
            await sweep.purge(now())

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(one, first) for first, one in enumerate(processes)), forget())
    for database in databases:
        await database.close()
