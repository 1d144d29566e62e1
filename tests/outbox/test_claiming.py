"""Claiming: a message is in one hand at a time, and never lost with it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select
from tests.driver.connections import connected
from tests.outbox.table import Note, text_of
from tests.outbox.worker import Handler, relay_of
from tests.statements import cancel_when_sent

from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox import Outbox
from keyturn.service.outbox.models import OutboxRow

MINUTE = timedelta(minutes=1)
OVER = timedelta(0)
"""A lease that ends with the claim itself."""


async def post(outbox: Outbox, *texts: str) -> None:
    for text in texts:
        await outbox.post("note", Note(text))


async def test_any_number_of_workers_share_the_messages_without_overlap(outbox: Outbox, elsewhere: Outbox) -> None:
    await asyncio.gather(*(outbox.post("note", Note(str(number))) for number in range(60)))

    shares = await asyncio.gather(*(who.claim(4, MINUTE) for who in (outbox, elsewhere) for _ in range(10)))

    claimed = [message.id for share in shares for message in share]
    assert len(claimed) == len(set(claimed)) == 60


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

        async with asyncio.timeout(5):
            claimed = await elsewhere.claim(2, MINUTE)

    assert [text_of(message) for message in claimed] == ["two"]


async def test_a_claim_that_is_broken_off_leaves_the_messages_to_whoever_claims_next(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    await post(outbox, "one", "two", "three")
    await cancel_when_sent(outbox.claim(10, MINUTE), "WITH due")

    claimed = await elsewhere.claim(10, MINUTE)
    assert [(one.crashes, one.abandoned) for one in claimed] == [(1, False)] * 3


async def test_one_that_was_abandoned_is_so_still_after_a_claim_that_was_broken_off(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    await post(outbox, "one")
    await outbox.claim(10, OVER)
    await cancel_when_sent(outbox.claim(10, MINUTE), "WITH due")

    (claimed,) = await elsewhere.claim(10, MINUTE)
    assert (claimed.crashes, claimed.abandoned) == (2, True)


async def test_a_relay_that_is_ended_while_it_leaves_some_to_others_leaves_them_all(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    await post(outbox, "one", "two", "three")
    await outbox.claim(10, OVER)
    handler = Handler()
    relay = relay_of(outbox, handler, concurrency=1, ahead=3)
    await cancel_when_sent(relay.run(), "WITH held AS")

    claimed = await elsewhere.claim(10, MINUTE)
    assert [(one.crashes, one.abandoned) for one in claimed] == [(2, True)]
    assert handler.prepared == []


async def test_what_was_put_back_is_claimed_before_what_came_later(outbox: Outbox) -> None:
    await post(outbox, "one", "two")
    claimed = await outbox.claim(1, MINUTE)
    await post(outbox, "three")
    await outbox.put_back(claimed)

    assert [text_of(message) for message in await outbox.claim(1, MINUTE)] == ["one"]
