"""A network that swallows all between Keyturn and PostgreSQL, again and again: nothing is lost, nothing twice."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.chaos.conditions import environment_for
from tests.chaos.processes import Process
from tests.chaos.storm import SECONDS, Storm
from tests.resend_server.server import ResendServer, running_resend
from tests.silent_proxy import silent_proxy

pytestmark = pytest.mark.long

PEOPLE_A_SECOND = 4
FROZEN = 1.2
"""Seconds; more than twice as long as a statement may take."""

SETTLING = 90
API = ["serve", "--no-worker", "--port", "0"]


@pytest.fixture
def resend() -> Iterator[ResendServer]:
    with running_resend() as server:
        yield server


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_connections_that_freeze_lose_no_promise_and_keep_nobody_waiting(
    resend: ResendServer, database_url: str
) -> None:
    said: list[str] = []
    async with silent_proxy(database_url) as (url, proxy):
        environment = {**environment_for(resend, url), "KEYTURN_DATABASE_TIMEOUT": "800ms"}
        storm = Storm(resend, database_url, random.Random(20261121))
        emails = await storm.add_accounts(int(SECONDS * PEOPLE_A_SECOND))
        with ExitStack() as stack:
            api = await asyncio.to_thread(Process, API, environment, said)
            worker = await asyncio.to_thread(Process, ["worker"], environment, said)
            stack.callback(worker.stop)
            stack.callback(api.stop)
            people = asyncio.create_task(storm.people(api, emails, SECONDS))
            for _ in range(2):
                await asyncio.sleep(SECONDS / 4)
                proxy.fall_silent()
                await asyncio.sleep(FROZEN)
                proxy.speak_again()
            await people
            await storm.settled(SETTLING)
            storm.assert_each_promise_was_kept_once()
            assert set(storm.statuses) <= {200, 202, 400, 503, 504}
            await asyncio.to_thread(stack.close)
        await storm.database.close()
    assert not [line for line in said if "Traceback" in line]
