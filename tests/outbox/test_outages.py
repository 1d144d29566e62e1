"""A worker while its database is not what it should be."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from tests.outbox.worker import Handler, post, running, worker_of

from keyturn.errors import SendRetryable
from keyturn.service.database import Database
from keyturn.service.outbox import Outbox, Settlement


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


async def rename(database: Database, name: str, other: str) -> None:
    await database.execute(text(f"ALTER TABLE {name} RENAME TO {other}"))
