"""Whatever dies in between: each accepted request is one mail, each accepted reset one confirmation.

`STORM_SECONDS` makes the storm longer (`just chaos`).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from tests.chaos.conditions import environment_for
from tests.chaos.processes import Process
from tests.chaos.storm import SECONDS, Storm
from tests.resend_server.server import ResendServer, running_resend

pytestmark = pytest.mark.long

SETTLING = 90
PEOPLE_A_SECOND = 4


@pytest.fixture
def resend() -> Iterator[ResendServer]:
    with running_resend() as server:
        yield server


@pytest.fixture
def environment(resend: ResendServer, database_url: str) -> dict[str, str]:
    return environment_for(resend, database_url)


@pytest.fixture
async def storm(resend: ResendServer, database_url: str) -> AsyncIterator[Storm]:
    storm = Storm(resend, database_url, random.Random(20261120))
    yield storm
    await storm.database.close()


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_an_api_and_three_workers_on_postgresql_keep_every_promise_once(
    storm: Storm, environment: dict[str, str]
) -> None:
    said: list[str] = []
    with ExitStack() as stack:
        api = _started(stack, ["serve", "--no-worker", "--port", "0"], environment, said)
        workers = [_started(stack, ["worker"], environment, said) for _ in range(3)]
        await _weather_it(storm, api, [api, *workers])
    _assert_quiet(said)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_one_process_on_sqlite_keeps_every_promise_once(storm: Storm, environment: dict[str, str]) -> None:
    said: list[str] = []
    with ExitStack() as stack:
        service = _started(stack, ["serve", "--port", "0"], environment, said)
        await _weather_it(storm, service, [service])
    _assert_quiet(said)


async def _weather_it(storm: Storm, api: Process, victims: list[Process]) -> None:
    """Kill one after the other while people come; then let things settle, and count."""
    emails = await storm.add_accounts(int(SECONDS * PEOPLE_A_SECOND))
    people = asyncio.create_task(storm.people(api, emails, SECONDS))
    end = time.monotonic() + SECONDS
    while not people.done() and time.monotonic() < end:
        await asyncio.sleep(storm.chance.uniform(0.2, 1.2))
        victim = storm.chance.choice(victims)
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(victim.start)
    await people
    await storm.settled(SETTLING)
    storm.assert_each_promise_was_kept_once()
    assert await storm.sealed() == 0


def _started(stack: ExitStack, arguments: list[str], environment: dict[str, str], said: list[str]) -> Process:
    process = Process(arguments, environment, said)
    stack.callback(process.stop)
    return process


def _assert_quiet(said: list[str]) -> None:
    assert not [line for line in said if "Traceback" in line]
