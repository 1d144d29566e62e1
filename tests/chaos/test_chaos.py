"""Whatever dies in between: each accepted request is one mail, each accepted reset one confirmation.

`STORM_SECONDS` makes the storm longer (`just chaos`).
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from tests.chaos.conditions import environment_for
from tests.chaos.processes import API, WORKER, Process
from tests.chaos.storm import SECONDS, Storm
from tests.databases import running_postgres
from tests.resend_server.server import ResendServer
from tests.silent_proxy import silent_proxy

pytestmark = pytest.mark.long

PEOPLE_A_SECOND = 4


@pytest.mark.parametrize(
    ("databases", "commands"),
    [("postgresql", [API, WORKER, WORKER, WORKER]), ("sqlite", [("serve", "--port", "0")])],
    ids=["an api and three workers on postgresql", "one process on sqlite"],
    indirect=["databases"],
)
async def test_processes_that_are_killed_keep_every_promise_once(
    resend: ResendServer, database_url: str, commands: Sequence[Sequence[str]]
) -> None:
    """Kill one after the other while people come; then let things settle, and count."""
    said: list[str] = []
    environment = environment_for(resend, database_url)
    storm = Storm(resend, database_url, random.Random(20261120))
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(command, environment, said)) for command in commands]
        people = await storm.begin(processes[0], int(SECONDS * PEOPLE_A_SECOND))
        end = time.monotonic() + SECONDS
        while not people.done() and time.monotonic() < end:
            await asyncio.sleep(storm.chance.uniform(0.2, 1.2))
            victim = storm.chance.choice(processes)
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        await storm.end(people)
    assert not [line for line in said if "Traceback" in line]


FROZEN = 1.2
"""Seconds; more than twice as long as a statement may take."""


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_connections_that_freeze_lose_no_promise_and_keep_nobody_waiting(
    resend: ResendServer, database_url: str
) -> None:
    said: list[str] = []
    async with silent_proxy(database_url) as (url, proxy):
        environment = {**environment_for(resend, url), "KEYTURN_DATABASE_TIMEOUT": "800ms"}
        storm = Storm(resend, database_url, random.Random(20261121))
        with ExitStack() as stack:
            api = stack.enter_context(await asyncio.to_thread(Process, API, environment, said))
            stack.enter_context(await asyncio.to_thread(Process, WORKER, environment, said))
            people = await storm.begin(api, int(SECONDS * PEOPLE_A_SECOND))
            for _ in range(2):
                await asyncio.sleep(SECONDS / 4)
                proxy.fall_silent()
                await asyncio.sleep(FROZEN)
                proxy.speak_again()
            await storm.end(people)
            await asyncio.to_thread(stack.close)
    assert set(storm.statuses) <= {200, 202, 400, 503, 504}
    assert not [line for line in said if "Traceback" in line]


@pytest.mark.postgresql
async def test_a_restart_of_the_database_loses_no_accepted_request_and_says_503_meanwhile(
    resend: ResendServer,
) -> None:
    """The server is its own, which it restarts."""
    said, seconds = list[str](), 4
    with ExitStack() as stack:
        postgres = await asyncio.to_thread(stack.enter_context, running_postgres())
        url = await asyncio.to_thread(postgres.migrated)
        environment = environment_for(resend, url)
        api, _ = (stack.enter_context(Process(command, environment, said)) for command in (API, WORKER))
        storm = Storm(resend, url, random.Random(20261120))
        people = await storm.begin(api, 60, seconds)
        await asyncio.sleep(seconds / 2)
        await asyncio.to_thread(postgres.restart)
        await storm.end(people)
    assert set(storm.statuses) <= {200, 202, 400, 503, 504}  # 504: a reset whose commit has no answer
    assert not [line for line in said if "Traceback" in line]
