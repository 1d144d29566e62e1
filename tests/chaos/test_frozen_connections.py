"""A network that swallows all between Keyturn and PostgreSQL, again and again: nothing is lost, nothing twice."""

import asyncio
import random
from contextlib import ExitStack

import pytest
from tests.chaos.conditions import environment_for
from tests.chaos.processes import API, WORKER, Process
from tests.chaos.storm import SECONDS, Storm
from tests.resend_server.server import ResendServer
from tests.silent_proxy import silent_proxy

pytestmark = pytest.mark.long

PEOPLE_A_SECOND = 4
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
