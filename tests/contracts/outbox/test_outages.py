"""A worker while its database is not what it should be."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.contracts.outbox.conftest import Handler, post, running, worker_of
from tests.driver.database import refuse_writes, take_writes
from tests.driver.statements import statements_sent

from keyturn.errors import SendRetryable
from keyturn.service.database import Database
from keyturn.service.outbox.message import Settlement
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import DatabaseUnready


class Losing(Handler):
    """Fails, after the table has gone."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    async def deliver(self, text: str) -> Settlement:
        await rename(self._database, "keyturn_outbox", "elsewhere")
        await super().deliver(text)
        raise SendRetryable("provider down")


async def test_a_worker_outlives_its_database(outbox: Outbox, database: Database) -> None:
    """Neither a failure that cannot be noted nor a look that fails ends it: once the table is back, so is the work."""
    handler = Losing(database)
    await post(outbox, "one")
    async with running(worker_of(outbox, handler, poll=timedelta(milliseconds=10))) as task:
        await handler.has_done("one")
        await asyncio.wait({task}, timeout=0.1)
        assert not task.done()

        await rename(database, "elsewhere", "keyturn_outbox")
        await post(outbox, "two")
        await handler.has_done("two")


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_of_a_database_that_takes_no_writes_a_worker_logs_one_line_and_goes_on_by_itself(
    outbox: Outbox, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Handler()
    async with running(worker_of(outbox, handler, poll=timedelta(milliseconds=10))), asyncio.timeout(20):
        await post(outbox, "zero")
        await handler.has_done("zero")  # then nothing is due, and only a look can notice
        await refuse_writes(database_url)
        with statements_sent() as statements:
            while len(statements) < 5:
                await asyncio.sleep(0.01)
        told = [record for record in caplog.records if record.name.startswith("keyturn")]
        assert len(told) == 1
        assert told[0].exc_info is None

        await take_writes(database_url)
        while not await is_posted(outbox, "one"):
            pass
        await handler.has_done("one")


async def is_posted(outbox: Outbox, text: str) -> bool:
    try:
        await post(outbox, text)
    except DatabaseUnready:
        return False
    return True


async def rename(database: Database, name: str, other: str) -> None:
    await database.execute(text(f"ALTER TABLE {name} RENAME TO {other}"))
