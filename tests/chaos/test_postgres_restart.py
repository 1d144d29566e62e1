"""PostgreSQL restarted under load: clean answers meanwhile, and no accepted request is lost."""

import asyncio
import random
from contextlib import ExitStack

import pytest
from tests.chaos.conditions import environment_for
from tests.chaos.processes import API, WORKER, Process
from tests.chaos.storm import Storm
from tests.databases import running_postgres
from tests.resend_server.server import ResendServer

pytestmark = [pytest.mark.postgresql, pytest.mark.long]  # a server of its own, which it restarts

PEOPLE, SECONDS = 60, 4


async def test_a_restart_of_the_database_loses_no_accepted_request_and_says_503_meanwhile(
    resend: ResendServer,
) -> None:
    said: list[str] = []
    with ExitStack() as stack:
        postgres = await asyncio.to_thread(stack.enter_context, running_postgres())
        url = await asyncio.to_thread(postgres.migrated)
        environment = environment_for(resend, url)
        api, _ = (stack.enter_context(Process(command, environment, said)) for command in (API, WORKER))
        storm = Storm(resend, url, random.Random(20261120))
        people = await storm.begin(api, PEOPLE, SECONDS)
        await asyncio.sleep(SECONDS / 2)
        await asyncio.to_thread(postgres.restart)
        await storm.end(people)
    assert set(storm.statuses) <= {200, 202, 400, 503, 504}  # 504: a reset whose commit has no answer
    assert not [line for line in said if "Traceback" in line]
