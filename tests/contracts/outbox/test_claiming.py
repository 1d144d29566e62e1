"""Claiming: a message is in one hand at a time, and never lost with it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select
from tests.contracts.outbox.table import Note, Rows, text_of
from tests.contracts.outbox.worker import Handler, running, worker_of
from tests.driver.connections import connected
from tests.driver.statements import cancel_when_sent

from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.outbox.queue import Outbox

MINUTE = timedelta(minutes=1)
OVER = timedelta(0)
"""A lease that ends with the claim itself."""


async def post(outbox: Outbox, *texts: str) -> None:
    for text in texts:
        await outbox.post("note", Note(text))


async def test_a_claim_never_takes_more_than_it_may(database: Database, outbox: Outbox) -> None:
    moment = now()
    fields = {"kind": "note", "payload": "{}", "state": "waiting", "attempts": 0}

    def write(connection: Connection) -> None:
        many = [fields | {"key": str(n), "available_at": moment, "created_at": moment} for n in range(3000)]
        connection.execute(insert(OutboxRow), many)

    await database.transact(write)

    assert len(await outbox.claim(7, MINUTE)) == 7


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_row_that_somebody_holds_is_passed_over(database: Database, elsewhere: Outbox, outbox: Outbox) -> None:
    await post(outbox, "one", "two")
    async with connected(database) as connection:
        await connection.execute(select(OutboxRow.id).order_by(OutboxRow.id).limit(1).with_for_update())

        async with asyncio.timeout(20):
            claimed = await elsewhere.claim(2, MINUTE)

    assert [text_of(message) for message in claimed] == ["two"]


async def test_a_worker_that_is_ended_during_a_claim_leaves_the_messages_to_others(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    await post(outbox, "one", "two", "three")
    handler = Handler()
    await cancel_when_sent(worker_of(outbox, handler).run(), "WITH due")

    claimed = await elsewhere.claim(10, MINUTE)
    assert [one.crashes for one in claimed] == [1] * 3
    assert handler.begun == []


async def test_a_message_whose_lease_is_over_is_claimed_as_an_abandoned_one_alone(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    await post(outbox, "one")
    await outbox.claim(10, OVER)

    assert await elsewhere.claim(10, MINUTE) == []
    (claimed,) = await elsewhere.claim(10, MINUTE, abandoned=True)
    assert claimed.crashes == 2


async def test_abandoned_messages_are_tried_one_at_a_time(outbox: Outbox, elsewhere: Outbox, rows: Rows) -> None:
    """One of them may end its worker, and must not take the others with it: none is claimed meanwhile."""
    await post(outbox, "slow one", "slow two", "slow three")
    await elsewhere.claim(10, OVER)
    handler = Handler()
    async with running(worker_of(outbox, handler)):
        await handler.has_begun("slow one")
        claims = [[row.faults for row in await rows.all()] for _ in range(10)]  # in the time of several claims
        handler.open.set()
        await handler.has_done("slow one", "slow two", "slow three")

    assert claims == [[2, 1, 1]] * 10
    assert handler.most_at_once == 1


async def test_a_message_that_ended_each_of_its_workers_is_given_up_and_no_other_is(outbox: Outbox, rows: Rows) -> None:
    await post(outbox, "poison", "one")
    await outbox.claim(1, OVER)
    for _ in range(4):
        await outbox.claim(1, OVER, abandoned=True)
    handler = Handler()
    for _ in range(2):
        await worker_of(outbox, handler, max_crashes=5).drain()

    assert handler.begun == ["one"]
    assert [(row.state, row.reason) for row in await rows.all()] == [
        ("dead", "every attempt was interrupted"),
        ("sent", None),
    ]
