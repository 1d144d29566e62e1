"""Real processes that count in one store at the same moment."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.databases import PostgresServer

from keyturn.service import secrets
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.problems.requests import OverBudget, TooManyRequests
from keyturn.service.reset.rate_limits import RateLimits
from keyturn.service.reset.records.client import Client
from keyturn.service.secrets import Purpose
from keyturn.service.settings import LimitSettings

pytestmark = pytest.mark.long

PROCESSES = 3
CLIENTS = [Client(ip_address=f"192.0.2.{number}") for number in range(20)]
ANSWERS = [bytes([number]) * 32 for number in range(50)]
_PATIENCE = 60


@pytest.fixture
def address(postgresql: PostgresServer) -> Iterator[str]:
    url = postgresql.migrated()
    yield url
    postgresql.drop(url)


def in_processes(work: Any, *given: Any) -> list[Any]:
    """Return the results of `work(given, barrier)` in processes that begin at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.SimpleQueue()
    processes = [context.Process(target=put, args=(work, given, barrier, results)) for _ in range(PROCESSES)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(_PATIENCE)
            assert process.exitcode == 0
        return [results.get() for _ in processes]
    finally:
        for process in processes:
            process.kill()


def put(work: Any, given: Any, barrier: Barrier, results: Any) -> None:
    results.put(asyncio.run(work(*given, barrier)))


async def count(address: str, barrier: Barrier) -> tuple[int, dict[str, int]]:
    """Send many requests at once from each client; return how many were accepted, together and of each client."""
    database = Database(address)
    limits = RateLimits(LimitSettings(request="7/day", overall="130/day"), database)
    overall, by_client = 0, {client.ip_address: 0 for client in CLIENTS}

    async def ask(client: Client) -> None:
        nonlocal overall
        try:
            await limits.count("request", client)
            by_client[client.ip_address] += 1
            await limits.count("validate", client, "overall")
            overall += 1
        except (TooManyRequests, OverBudget):
            pass

    await limits.require_ready()
    barrier.wait(_PATIENCE)
    await asyncio.gather(*(ask(client) for _ in range(8) for client in CLIENTS))
    await database.close()
    return overall, by_client


def test_parallel_processes_never_exceed_a_limit_and_use_all_of_it(address: str) -> None:
    counted = in_processes(count, address)

    assert sum(overall for overall, _ in counted) == 130
    for client in CLIENTS:
        assert sum(by_client[client.ip_address] for _, by_client in counted) == 7


async def spend(address: str, barrier: Barrier) -> list[bool]:
    database = Database(address)
    await database.fetch(select(1))
    barrier.wait(_PATIENCE)
    counted = await asyncio.gather(*(database.transact(partial(count_one, answer)) for answer in ANSWERS))
    await database.close()
    return [tries == 1 for tries in counted]


def count_one(answer: bytes, connection: Connection) -> int:
    return secrets.count_try(connection, Purpose.SPENT, answer, now(), until=now() + timedelta(minutes=1)).tries


def test_a_solved_challenge_is_accepted_once_by_all_processes_together(address: str) -> None:
    taken = in_processes(spend, address)

    assert [sum(one) for one in zip(*taken, strict=True)] == [1] * len(ANSWERS)
