"""PostgreSQL restarted under load: clean answers meanwhile, and no accepted request is lost."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.chaos.conditions import environment_for
from tests.chaos.processes import Process
from tests.chaos.storm import Storm
from tests.databases import running_postgres
from tests.resend_server.server import ResendServer, running_resend

pytestmark = [pytest.mark.postgresql, pytest.mark.long]  # a server of its own, which it restarts

PEOPLE, SECONDS, SETTLING = 60, 4, 60


@pytest.fixture
def resend() -> Iterator[ResendServer]:
    with running_resend() as server:
        yield server


async def test_a_restart_of_the_database_loses_no_accepted_request_and_says_503_meanwhile(
    resend: ResendServer,
) -> None:
    said: list[str] = []
    with ExitStack() as stack:
        postgres = await asyncio.to_thread(stack.enter_context, running_postgres())
        url = await asyncio.to_thread(postgres.migrated)
        environment = environment_for(resend, url)
        api, worker = (Process(command, environment, said) for command in (API, ["worker"]))
        stack.callback(worker.stop)
        stack.callback(api.stop)

        storm = Storm(resend, url, random.Random(20261120))
        emails = await storm.add_accounts(PEOPLE)
        people = asyncio.create_task(storm.people(api, emails, SECONDS))
        await asyncio.sleep(SECONDS / 2)
        await asyncio.to_thread(postgres.restart)
        await people
        await storm.settled(SETTLING)

        storm.assert_each_promise_was_kept_once()
        assert set(storm.statuses) <= {200, 202, 400, 503}
        await storm.database.close()
    assert not [line for line in said if "Traceback" in line]


API = ["serve", "--no-worker", "--port", "0"]
