"""The worker works everything off: in order, a bounded number at a time, without a needless wait,
after an outage.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.contracts.outbox.conftest import (
    LONG,
    Handler,
    Note,
    Rows,
    WatchedOutbox,
    post,
    running,
    worker_of,
)
from tests.driver.database import refuse_writes, take_writes
from tests.driver.statements import statements_sent

from keyturn.errors import SendRetryable
from keyturn.service.database import Database
from keyturn.service.outbox.message import Settlement
from keyturn.service.outbox.queue import Outbox
from keyturn.service.outbox.worker import WorkerQueue, backoff
from keyturn.service.problems.requests import DatabaseUnready


async def test_it_never_rests_while_more_is_due_than_it_has_room_for_and_begins_with_the_oldest(
    outbox: Outbox,
) -> None:
    handler = Handler()
    texts = [str(number) for number in range(9)]
    await post(outbox, *texts)
    async with running(worker_of(outbox, handler, places=1, rest=LONG)):
        await handler.has_done(*texts)
        await post(outbox, "posted while it waits")
        await handler.has_done("posted while it waits")

    assert handler.begun[:9] == texts


async def test_what_is_due_when_there_is_room_again_does_not_wait_for_a_rest(
    outbox: Outbox,
) -> None:
    handler, other = Handler(), WorkerQueue({"other": Handler()}, 1)
    await post(outbox, "slow", "slow too", "one", "two")
    async with running(worker_of(outbox, handler, other, places=2, rest=LONG)):
        await handler.has_begun("slow", "slow too")
        handler.open.set()
        await handler.has_done("one", "two")


async def test_a_worker_that_is_ended_lets_what_is_under_way_end_in_each_lane(
    outbox: Outbox, rows: Rows
) -> None:
    handler, hooks = Handler(), Handler()
    await post(outbox, "slow", "slow too")
    await outbox.post("hook", Note("slow"))
    async with running(
        worker_of(outbox, handler, WorkerQueue({"hook": hooks}, 4), places=1)
    ) as task:
        await handler.has_begun("slow")
        await hooks.has_begun("slow")
        task.cancel()
        handler.open.set()
        await handler.has_done("slow")
        assert not task.done()
        hooks.open.set()
        await asyncio.wait({task}, timeout=20)

    assert await rows.states() == ["sent", "waiting", "sent"]
    assert handler.begun == ["slow"], "nothing is begun after the end"


async def test_slow_tries_make_room(outbox: WatchedOutbox) -> None:
    """A slow try gives its place to the next message, as long as few tries are slow."""
    await post(outbox, "slow 1", "slow 2", "slow 3")
    handler = Handler()
    limits: dict[str, Any] = {"slow": timedelta(0), "most_slow": 1, "lease": timedelta(seconds=0.3)}
    async with running(worker_of(outbox, handler, places=1, **limits)):
        await handler.has_begun("slow 1", "slow 2")
        await outbox.has_renewed()
        assert handler.begun == ["slow 1", "slow 2"]
        handler.open.set()
        await handler.has_done("slow 3")


async def test_a_message_of_an_unknown_kind_stays_for_a_newer_worker(
    outbox: Outbox, rows: Rows
) -> None:
    await outbox.post("riddle", Note("?"))
    await post(outbox, "one")
    await worker_of(outbox, Handler(), WorkerQueue({"hook": Handler()}, 4)).drain()

    riddle, one = await rows.all()
    assert (riddle.state, riddle.reason, riddle.attempts, riddle.claim) == (
        "waiting",
        None,
        0,
        None,
    )
    assert one.state == "sent"


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [
        (1, 0.5, 1),
        (2, 1, 2),
        (3, 2, 4),
        (4, 4, 8),
        (10, 256, 512),
        (11, 300, 600),
        (12, 300, 600),
        (10_000, 300, 600),
    ],
)
def test_the_pause_doubles_up_to_ten_minutes(attempt: int, shortest: float, longest: float) -> None:
    assert backoff(attempt, 0.0) == timedelta(seconds=shortest)
    assert backoff(attempt, 0.5) == timedelta(seconds=(shortest + longest) / 2)
    assert backoff(attempt, 1.0) == timedelta(seconds=longest)


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
    """Neither a failure that cannot be noted nor a look that fails ends it: once the table is back,
    so is the work.
    """
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
    async with (
        running(worker_of(outbox, handler, poll=timedelta(milliseconds=10))),
        asyncio.timeout(20),
    ):
        await post(outbox, "zero")
        await handler.has_done("zero")  # then nothing is due, and only a look can notice
        await refuse_writes(database_url)
        with statements_sent() as statements:
            while len(statements) < 5:
                await asyncio.sleep(0)
        told = [record for record in caplog.records if record.name.startswith("keyturn")]
        assert len(told) == 1
        assert told[0].exc_info is None

        await take_writes(database_url)
        while True:
            with suppress(DatabaseUnready):
                await post(outbox, "one")
                break
        await handler.has_done("one")


async def rename(database: Database, name: str, other: str) -> None:
    await database.execute(text(f"ALTER TABLE {name} RENAME TO {other}"))
