"""The relay works the outbox off: everything, in order, a bounded number at a time, and without a needless wait."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest
from tests.outbox.table import Note, Rows
from tests.outbox.worker import LONG, NOTHING, Handler, post, relay_of, running
from tests.statements import statements_sent

from keyturn.service.outbox import Lane, Outbox

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
"""For what the relay does by itself, whatever the engine."""


@ON_SQLITE
async def test_draining_handles_everything_that_is_due(outbox: Outbox, rows: Rows) -> None:
    await post(outbox, "one", "two", "three")
    handler = Handler(two=NOTHING)

    assert await relay_of(outbox, handler, concurrency=2).drain() == 3
    assert await rows.states() == ["sent", "dropped", "sent"]
    assert [row.provider_id or row.reason for row in await rows.all()] == ["id of one", "nothing to say", "id of three"]
    assert await relay_of(outbox, handler).drain() == 0


async def test_what_is_posted_while_it_waits_is_taken_without_another_look(outbox: Outbox) -> None:
    handler = Handler()
    async with running(relay_of(outbox, handler)):
        await post(outbox, "one")
        await handler.has_done("one")
        await post(outbox, "two")
        await handler.has_done("two")


async def test_what_comes_while_it_rests_is_claimed_together(outbox: Outbox) -> None:
    handler, other = Handler(), Handler()
    await outbox.post("other", Note("slow"))
    with statements_sent() as statements:
        async with running(relay_of(outbox, handler, Lane({"other": other}, 1), rest=LONG)):
            await other.has_begun("slow")
            await post(outbox, *"abcdef")
            other.open.set()
            await handler.has_done(*"abcdef")

    # Both lanes, then the one that has room after that, then both again: there is room, and the rest is over.
    assert len([text for text in statements if text.startswith("WITH due")]) == 5


@ON_SQLITE
async def test_messages_behind_abandoned_ones_that_are_left_to_others_do_not_wait_for_a_rest(outbox: Outbox) -> None:
    handler = Handler()
    await post(outbox, "abandoned", "abandoned too", "one")
    await outbox.claim(2, timedelta(0))
    async with running(relay_of(outbox, handler, concurrency=1, ahead=2, rest=LONG)):
        await handler.has_done("one")


async def test_it_never_rests_while_more_is_due_than_it_has_room_for(outbox: Outbox) -> None:
    handler = Handler()
    texts = [str(number) for number in range(9)]
    await post(outbox, *texts)
    async with running(relay_of(outbox, handler, concurrency=2, rest=LONG)):
        await handler.has_done(*texts)


async def test_what_is_due_when_there_is_room_again_does_not_wait_for_a_rest(outbox: Outbox) -> None:
    handler, other = Handler(), Lane({"other": Handler()}, 1)
    await post(outbox, "slow", "slow too", "one", "two")
    async with running(relay_of(outbox, handler, other, concurrency=2, rest=LONG)):
        await handler.has_begun("slow", "slow too")
        handler.open.set()
        await handler.has_done("one", "two")


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_what_another_process_posts_is_taken_without_another_look_on_postgresql(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    handler = Handler()
    async with running(relay_of(outbox, handler)):
        await post(outbox, "one")
        await handler.has_done("one")
        await post(elsewhere, "two")
        await handler.has_done("two")


@ON_SQLITE
async def test_what_another_process_posts_is_found_at_the_next_look(outbox: Outbox, elsewhere: Outbox) -> None:
    handler = Handler()
    async with running(relay_of(outbox, handler, poll=timedelta(milliseconds=10))):
        await post(elsewhere, "one")
        await handler.has_done("one")


@ON_SQLITE
async def test_messages_are_begun_oldest_first(outbox: Outbox) -> None:
    handler = Handler()
    await post(outbox, *"abcdef")
    async with running(relay_of(outbox, handler, concurrency=1)):
        await handler.has_done(*"abcdef")

    assert handler.begun == list("abcdef")


async def test_a_relay_that_is_ended_lets_what_is_under_way_end(outbox: Outbox, rows: Rows) -> None:
    handler = Handler()
    await post(outbox, "slow", "slow too")
    async with running(relay_of(outbox, handler, concurrency=1)) as task:
        await handler.has_begun("slow")
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        handler.open.set()
        async with asyncio.timeout(5):
            await asyncio.wait({task})

    assert await rows.states() == ["sent", "waiting"]
    assert handler.begun == ["slow"], "nothing is begun after the end"


async def test_a_relay_that_rests_ends_at_once(outbox: Outbox) -> None:
    handler = Handler()
    relay = relay_of(outbox, handler)
    async with running(relay) as task:
        await post(outbox, "one")
        await handler.has_done("one")
        task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({task})


class Noted(asyncio.Event):
    """An event that tells when a first task waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.awaited.set()
        return await super().wait()


@ON_SQLITE
async def test_a_relay_that_is_ended_at_the_moment_when_something_arrives_ends_all_the_same(outbox: Outbox) -> None:
    outbox.waiting = resting = Noted()
    async with running(relay_of(outbox, Handler())) as task:
        await resting.awaited.wait()
        outbox.waiting.set()
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
