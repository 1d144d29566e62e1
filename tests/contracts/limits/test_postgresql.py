"""Limits in PostgreSQL: what they cost and hold, and what happens without it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest
from sqlalchemy import text
from tests.driver.connections import committing
from tests.driver.service import ADA

from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.limits import RateLimits
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.retention import Retention
from keyturn.service.settings import LimitSettings

HERE = Client(ip_address="192.0.2.1")
COUNTERS = text("SELECT count(*) AS n FROM keyturn_limits")
# In the order of the keys, as the counts: an update of all in any other order could wait for them in a circle.
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


def retention(database: Database) -> Retention:
    return Retention(database, timedelta(days=365))


async def number(database: Database, statement: Any = COUNTERS) -> int:
    (row,) = await database.fetch(statement)
    return int(row["n"])


async def flood(limits: RateLimits, first: int, clients: int) -> None:
    await asyncio.gather(
        *(limits.count("request", Client(ip_address=str(IPv4Address(first + one)))) for one in range(clients))
    )


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


async def test_a_counter_that_is_held_delays_only_its_own_clients(database: Database, postgresql_url: str) -> None:
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


async def test_the_sweep_deletes_empty_counters_that_nobody_uses_and_no_others(database: Database) -> None:
    limits, sweep = limits_in(database, overall="1/hour"), retention(database)
    await flood(limits, 1, 700)
    await database.execute(EMPTIED)
    await limits.count("validate", HERE, "overall")
    assert await number(database) == 702

    async with asyncio.timeout(15), committing(database) as connection:
        await connection.execute(text("SELECT key FROM keyturn_limits WHERE tat = 1 LIMIT 1 FOR UPDATE"))
        assert (await sweep.purge(now()))["limits"] == 699
    assert (await sweep.purge(now()))["limits"] == 1
    assert await number(database) == 2


@pytest.mark.long
async def test_statements_of_several_processes_never_wait_for_each_other_in_a_circle(postgresql_url: str) -> None:
    databases = [Database(postgresql_url) for _ in range(4)]
    processes = [limits_in(one, request="100000/hour", overall="100000/hour") for one in databases]
    sweep = retention(databases[0])

    async def ask(limits: RateLimits, first: int) -> None:
        for turn in range(25):
            clients = (Client(ip_address=f"192.0.2.{(first * turn + one) % 30}") for one in range(30))
            await asyncio.gather(*(limits.count("request", client, "overall") for client in clients))

    async def forget() -> None:
        for _ in range(25):
            await databases[0].execute(EMPTIED)
            await sweep.purge(now())

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(one, first) for first, one in enumerate(processes)), forget())
    for database in databases:
        await database.close()
