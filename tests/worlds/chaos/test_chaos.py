"""Whatever dies in between, a request is one mail. `STORM_SECONDS` makes the storm longer (`just chaos`)."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from tests.servers.mail_providers.resend import ResendServer
from tests.worlds.chaos.processes import API, WORKER, Process, environment_for
from tests.worlds.chaos.storm import SECONDS, Storm

pytestmark = pytest.mark.long

PEOPLE_A_SECOND = 4


@pytest.mark.parametrize(
    ("databases", "commands"),
    [("postgresql", [API, WORKER, WORKER, WORKER]), ("sqlite", [("serve", "--port", "0")])],
    ids=["an api and three workers on postgresql", "one process on sqlite"],
    indirect=["databases"],
)
async def test_killed_processes_keep_promises(
    resend: ResendServer, database_url: str, commands: Sequence[Sequence[str]]
) -> None:
    """Kill one after the other while people come; then let things settle, and count."""
    said: list[str] = []
    environment = environment_for(resend, database_url)
    storm = Storm(resend, database_url, random.Random(20261120))
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(command, environment, said)) for command in commands]
        storm.api = processes[0]
        people = asyncio.create_task(storm.people(await storm.add_accounts(int(SECONDS * PEOPLE_A_SECOND))))
        end = time.monotonic() + SECONDS
        while not people.done() and time.monotonic() < end:
            await asyncio.sleep(storm.chance.uniform(0.2, 1.2))
            victim = storm.chance.choice(processes)
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        await people
        await storm.end()
    assert not [line for line in said if "Traceback" in line]
