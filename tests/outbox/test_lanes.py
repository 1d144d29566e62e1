"""Messages with a lane of their own: a delay in one lane delays no other."""

import asyncio
from datetime import timedelta

import pytest
from tests.outbox.table import Note, Rows, text_of
from tests.outbox.worker import Handler, post, relay_of, running

from keyturn.service.outbox import Lane, Outbox


async def post_hooks(outbox: Outbox, *texts: str) -> None:
    for text in texts:
        await outbox.post("hook", Note(text))


async def test_however_many_stall_in_one_lane_the_others_go_at_once(outbox: Outbox) -> None:
    notes, hooks = Handler(), Handler()
    stalled = [f"slow {number}" for number in range(7)]
    await post_hooks(outbox, *stalled)
    aside = Lane({"hook": hooks}, concurrency=2)
    async with running(relay_of(outbox, notes, aside, concurrency=1)):
        await hooks.has_begun("slow 0", "slow 1")
        await post(outbox, "one", "two")
        await notes.has_done("one", "two")
        assert hooks.done == []
        hooks.open.set()
        await hooks.has_done(*stalled)

    assert hooks.most_at_once == 2
    assert hooks.begun == stalled


async def test_nor_do_the_others_hold_those_up(outbox: Outbox) -> None:
    notes, hooks = Handler(), Handler()
    await post(outbox, *(f"slow {number}" for number in range(3)))
    async with running(relay_of(outbox, notes, Lane({"hook": hooks}, 4), concurrency=1)):
        await notes.has_begun("slow 0")
        await post_hooks(outbox, "one")
        await hooks.has_done("one")
        notes.open.set()
        await notes.has_done("slow 0", "slow 1", "slow 2")

    assert notes.most_at_once == 1


async def test_a_relay_that_is_ended_waits_for_both(outbox: Outbox, rows: Rows) -> None:
    notes, hooks = Handler(), Handler()
    await post(outbox, "slow")
    await post_hooks(outbox, "slow too")
    async with running(relay_of(outbox, notes, Lane({"hook": hooks}, 4))) as task:
        await notes.has_begun("slow")
        await hooks.has_begun("slow too")
        task.cancel()
        notes.open.set()
        hooks.open.set()

    assert await rows.states() == ["sent", "sent"]


async def test_a_kind_that_nobody_handles_is_refused_and_told(outbox: Outbox, rows: Rows) -> None:
    await outbox.post("riddle", Note("?"))

    assert await relay_of(outbox, Handler(), Lane({"hook": Handler()}, 4)).drain() == 1
    (row,) = await rows.all()
    assert (row.state, row.reason) == ("dead", "unknown kind of message: riddle")


async def test_more_are_prepared_than_there_are_places_and_no_more_than_the_lane_says(outbox: Outbox) -> None:
    handler = Handler()
    texts = [f"slow {number}" for number in range(9)]
    await post(outbox, *texts)
    async with running(relay_of(outbox, handler, concurrency=2, ahead=6)):
        await handler.has_prepared(*texts[:6])
        await handler.has_begun(*texts[:2])
        assert (len(handler.prepared), len(handler.begun)) == (6, 2)
        handler.open.set()
        await handler.has_done(*texts)

    assert handler.most_at_once == 2


async def test_what_was_prepared_and_has_no_place_when_the_relay_is_ended_is_anybody_s_at_once(
    outbox: Outbox, elsewhere: Outbox, rows: Rows
) -> None:
    handler = Handler()
    await post(outbox, "slow 0", "slow 1", "slow 2")
    async with running(relay_of(outbox, handler, concurrency=1, ahead=3)) as task:
        await handler.has_prepared("slow 0", "slow 1", "slow 2")
        await handler.has_begun("slow 0")
        task.cancel()
        handler.open.set()

    assert await rows.states() == ["sent", "waiting", "waiting"]
    assert handler.begun == ["slow 0"], "nothing is begun after the end"
    claimed = await elsewhere.claim(3, timedelta(minutes=1))
    assert [(text_of(one), one.attempts, one.crashes) for one in claimed] == [("slow 1", 1, 1), ("slow 2", 1, 1)]


@pytest.mark.long
async def test_a_mail_that_waits_for_a_place_does_not_outlast_its_lease_by_waiting(outbox: Outbox, rows: Rows) -> None:
    handler = Handler()
    await post(outbox, "slow", "one")
    short = timedelta(seconds=1)
    async with running(
        relay_of(outbox, handler, concurrency=1, ahead=2, lease=timedelta(hours=1), abandoned_after=short)
    ):
        await handler.has_prepared("slow", "one")
        first = (await rows.all())[1].available_at
        async with asyncio.timeout(10):
            while (await rows.all())[1].available_at <= first + short:
                await asyncio.sleep(0.01)  # until its lease was renewed for longer than it had been
        handler.open.set()
        await handler.has_done("slow", "one")

    assert await rows.states() == ["sent", "sent"]


async def test_more_are_claimed_when_half_of_them_are_done_and_not_one_by_one(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    handler = Handler()
    await post(outbox, "one", "two", "slow 0", "slow 1", "slow 2", "slow 3", "late", "later")
    async with running(relay_of(outbox, handler, concurrency=1, ahead=6)):
        await handler.has_done("one", "two")
        await handler.has_begun("slow 0")
        left = await elsewhere.claim(1, timedelta(minutes=1))
        assert [text_of(message) for message in left] == ["late"]
        handler.open.set()
        await handler.has_done("slow 0", "slow 1", "slow 2", "slow 3", "later")


async def test_as_many_are_claimed_as_there_are_places_where_none_are_prepared_ahead(outbox: Outbox) -> None:
    handler = Handler()
    await post(outbox, "one", "slow 0", "slow 1", "slow 2")
    async with running(relay_of(outbox, handler, concurrency=3)):
        await handler.has_begun("one", "slow 0", "slow 1", "slow 2")
        handler.open.set()
        await handler.has_done("slow 0", "slow 1", "slow 2")
