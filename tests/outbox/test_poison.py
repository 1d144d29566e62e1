"""One message that ends its workers takes no other with it."""

import asyncio
import sys

import pytest
from tests.outbox.mortal_worker import AT_ONCE, MOST_CRASHES
from tests.outbox.table import Rows
from tests.outbox.worker import post

from keyturn.service.outbox.queue import Outbox


@pytest.mark.long
@pytest.mark.any_database
async def test_a_message_that_ends_its_workers_is_given_up_alone(outbox: Outbox, rows: Rows, database_url: str) -> None:
    texts = [str(number) for number in range(AT_ONCE)]
    texts[3] = "poison"
    await post(outbox, *texts)
    deaths = 0
    while await _work(database_url):
        deaths += 1
        assert deaths <= MOST_CRASHES, "it is given up after so many"

    assert deaths == MOST_CRASHES
    found = [(row.state, row.reason) for row in await rows.all()]
    assert found.pop(3) == ("dead", "every attempt was interrupted")
    assert found == [("dropped", "done")] * (AT_ONCE - 1)


async def _work(database_url: str) -> int:
    """Return how a worker ended."""
    command = [sys.executable, "-m", "tests.outbox.mortal_worker", database_url]
    process = await asyncio.create_subprocess_exec(*command)
    async with asyncio.timeout(30):
        return await process.wait()
