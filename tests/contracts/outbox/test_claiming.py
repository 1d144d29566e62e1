"""A message is in one hand at a time: its worker's while that lives, others' soon after it died,
and never lost.
"""

import asyncio
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select
from tests.contracts.outbox.conftest import (
    Handler,
    Note,
    Rows,
    WatchedOutbox,
    post,
    running,
    settle_others,
    text_of,
    worker_of,
)
from tests.contracts.plans import plans_of
from tests.driver.connections import connected
from tests.driver.statements import cancel_when_sent
from tests.driver.store_faults import RENEWALS, spoil

from keyturn.errors import SendRetryable
from keyturn.service.clock import MovableClock, now
from keyturn.service.database import Database
from keyturn.service.one_time_secrets import Purpose, take
from keyturn.service.outbox.message import Dropped, Sent
from keyturn.service.outbox.models import OutboxRow
from keyturn.service.outbox.overview import backlog_of, retry
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import DatabaseUnready

MINUTE = timedelta(minutes=1)
OVER = timedelta(0)
"""A lease that ends with the claim itself."""


async def test_a_claim_never_takes_more_than_it_may(database: Database, outbox: Outbox) -> None:
    moment = now()
    fields = {"kind": "note", "payload": "{}", "state": "waiting", "attempts": 0}

    def write(connection: Connection) -> None:
        many = [
            fields | {"key": str(n), "available_at": moment, "created_at": moment}
            for n in range(3000)
        ]
        connection.execute(insert(OutboxRow), many)

    await database.transact(write)

    assert len(await outbox.claim(7, MINUTE)) == 7


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_row_that_somebody_holds_is_passed_over(
    database: Database, elsewhere: Outbox, outbox: Outbox
) -> None:
    await post(outbox, "one", "two")
    async with connected(database) as connection:
        await connection.execute(
            select(OutboxRow.id).order_by(OutboxRow.id).limit(1).with_for_update()
        )

        async with asyncio.timeout(20):
            claimed = await elsewhere.claim(2, MINUTE)

    assert [text_of(message) for message in claimed] == ["two"]


async def test_a_worker_that_is_ended_during_a_claim_leaves_all_to_others(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    await post(outbox, "one", "two", "three")
    handler = Handler()
    await cancel_when_sent(worker_of(outbox, handler).run(), "WITH due")

    assert [one.crashes for one in await elsewhere.claim(10, MINUTE)] == [1] * 3
    assert handler.begun == []


async def test_abandoned_messages_are_tried_one_at_a_time(
    outbox: Outbox, elsewhere: Outbox, rows: Rows
) -> None:
    """One of them may end its worker, and must not take the others with it: none is claimed
    meanwhile.
    """
    await post(outbox, "slow one", "slow two", "slow three")
    await elsewhere.claim(10, OVER)
    handler = Handler()
    async with running(worker_of(outbox, handler)):
        await handler.has_begun("slow one")
        claims = [
            [row.faults for row in await rows.all()] for _ in range(10)
        ]  # in the time of several claims
        handler.open.set()
        await handler.has_done("slow one", "slow two", "slow three")

    assert claims == [[2, 1, 1]] * 10
    assert handler.most_at_once == 1


async def test_a_message_that_ended_each_of_its_workers_is_given_up_and_no_other_is(
    outbox: Outbox, rows: Rows
) -> None:
    await post(outbox, "poison", "one")
    for number in range(5):
        await outbox.claim(1, OVER, abandoned=number > 0)
    handler = Handler()
    for _ in range(2):
        await worker_of(outbox, handler, max_crashes=5).drain()

    assert handler.begun == ["one"]
    ends = [(row.state, row.reason) for row in await rows.all()]
    assert ends == [("dead", "every attempt was interrupted"), ("sent", None)]


async def test_no_statement_of_a_worker_looks_at_messages_that_were_settled(
    database: Database, outbox: Outbox
) -> None:
    await settle_others(database)
    await post(outbox, "one", "two", "three")
    one, two, three = await outbox.claim(3, MINUTE)

    async def look() -> None:
        await outbox.is_any_due()
        await outbox.claim(10, MINUTE, only=["note"])
        await backlog_of(database)

    async def settle() -> None:
        nothing = Dropped("nothing to say")
        ends = (one, Sent("resend", "id")), (two, nothing), (three, nothing)
        await asyncio.gather(*(outbox.end(message, end) for message, end in ends))

    (abandoned,) = (
        await plans_of(database, lambda: outbox.claim(1, MINUTE, abandoned=True))
    ).values()
    assert "ix_keyturn_outbox_claimed" in abandoned
    looks = [
        plan for sql, plan in (await plans_of(database, look)).items() if "keyturn_outbox" in sql
    ]
    assert ["ix_keyturn_outbox_waiting" in plan for plan in looks] == [True] * 3, looks
    ends = (await plans_of(database, settle)).values()
    assert [re.findall(r"(?:Seq Scan on|SCAN) keyturn_outbox\b", plan) for plan in ends] == [[], []]


HOUR, SHORT = timedelta(hours=1), timedelta(seconds=1.5)


@pytest.mark.parametrize("fault", [DatabaseUnready("away"), ValueError("whatever")])
@pytest.mark.long
async def test_a_delivery_beyond_its_lease_stays_in_its_hands_even_if_a_renewal_fails(
    outbox: WatchedOutbox, elsewhere: Outbox, rows: Rows, moving: MovableClock, fault: Exception
) -> None:
    handler = Handler()
    outbox.failures.append(fault)
    await post(outbox, "slow")
    async with running(worker_of(outbox, handler, longest=HOUR, lease=SHORT)):
        await handler.has_begun("slow")
        lease = (await rows.only()).available_at - now()
        assert lease <= SHORT, "however long a delivery may take, a dead worker lets go soon"
        for _ in range(3):
            moving.move(SHORT * 0.7)
            await outbox.has_renewed()
            assert await elsewhere.claim(1, HOUR, abandoned=True) == []
        handler.open.set()
        await handler.has_done("slow")

    assert await rows.states() == ["sent"]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "tries"), [("", 1), (RENEWALS, 2)], ids=["as it is", "without renewals"]
)
@pytest.mark.long
async def test_slow_mail_is_sent_once(
    database_url: str,
    outbox: WatchedOutbox,
    elsewhere: Outbox,
    moving: MovableClock,
    fault: str,
    tries: int,
) -> None:
    """While a worker waits for a slow mail server, no other worker sends the mail.

    Without renewals, another does.
    """
    spoil(Path(database_url.removeprefix("sqlite:///")), fault)
    handler, other = Handler(), Handler()
    other.open.set()
    await post(outbox, "slow")
    async with running(worker_of(outbox, handler, longest=HOUR, lease=SHORT)):
        await handler.has_begun("slow")
        for _ in range(3):
            moving.move(SHORT * 0.7)
            await outbox.has_renewed()
            await worker_of(elsewhere, other).drain()
        handler.open.set()

    assert handler.begun + other.begun == ["slow"] * tries


async def test_a_message_that_is_in_other_hands_is_left_there(
    outbox: Outbox, elsewhere: Outbox, rows: Rows
) -> None:
    await post(outbox, "one")
    (lost,) = await outbox.claim(1, timedelta(0))
    await elsewhere.claim(1, HOUR, abandoned=True)
    before = await rows.only()
    await outbox.renew([lost], 2 * HOUR)

    assert await rows.only() == before


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize("wrong", [HOUR, -HOUR], ids=["ahead", "behind"])
async def test_leases_pauses_and_locks_are_as_long_on_a_machine_whose_clock_is_wrong(
    database: Database,
    outbox: Outbox,
    elsewhere: Outbox,
    rows: Rows,
    wrong: timedelta,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lock(connection: Connection) -> bool:
        return take(
            connection,
            (Purpose.CHANGE, b"u-1"),
            "u-1",
            database.clock(),
            database.clock(timedelta(minutes=1)),
        )

    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + wrong.total_seconds())
    await outbox.post("note", Note("paused"))
    await worker_of(outbox, Handler(paused=SendRetryable("busy", 300))).drain()
    await outbox.post("note", Note("held"))
    (held,) = await outbox.claim(1, timedelta(minutes=1))
    assert await elsewhere.claim(1, timedelta(minutes=1)) == []
    assert await retry(outbox.database, [held.id]) == ["under way"]
    await outbox.post("note", Note("posted"))
    await outbox.database.transact(
        lambda connection: outbox.within(connection).enqueue("note", Note("enqueued"))
    )
    assert await database.transact(lock)
    monkeypatch.undo()

    assert [text_of(message) for message in await elsewhere.claim(3, timedelta(minutes=1))] == [
        "posted",
        "enqueued",
    ]
    assert (
        timedelta(seconds=240) < (await rows.all())[0].available_at - now() < timedelta(seconds=310)
    )
    assert not await database.transact(lock)
