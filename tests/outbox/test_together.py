"""What a handler prepares in one go, as it would have prepared each."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest
from tests.outbox.table import Rows, make_due, text_of
from tests.outbox.worker import LONG, NOTHING, Handler, post, relay_of, running

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.database import Database
from keyturn.service.outbox import Delivery, Lane, Message, Outbox, Relay, RelayLimits, Sent, Settlement
from keyturn.service.problems.requests import DatabaseUnready


class Together(Handler):
    """`results` holds what each text is prepared to, other than a delivery; `fault` is raised instead of all."""

    def __init__(self, fault: Exception | None = None, **results: Settlement | Exception) -> None:
        super().__init__()
        self.results = results
        self.fault = fault
        self.batches: list[list[str]] = []

    prepares_together = True

    async def prepare_all(self, messages: Sequence[Message]) -> Sequence[Settlement | Delivery | Exception]:
        self.batches.append([text_of(message) for message in messages])
        if self.fault:
            raise self.fault
        return [self.results.get(text_of(message)) or await self(message) for message in messages]


async def test_what_is_claimed_together_is_prepared_in_one_go_and_each_comes_to_its_own(
    outbox: Outbox, rows: Rows
) -> None:
    handler = Together(nobody=NOTHING, refused=SendRefused("no such kind"), later=SendRetryable("busy"))
    await post(outbox, "one", "nobody", "refused", "later", "two")
    assert await relay_of(outbox, handler).drain() == 5

    assert handler.batches == [["one", "nobody", "refused", "later", "two"]]
    assert sorted(handler.done) == ["one", "two"]
    assert await rows.states() == ["sent", "dropped", "dead", "waiting", "sent"]
    assert [row.reason for row in await rows.all()] == [None, "nothing to say", "no such kind", "busy", None]
    assert [row.claim for row in await rows.all()] == [None] * 5


async def test_a_fault_of_the_whole_is_each_one_s_and_the_next_try_is_alone(
    database: Database, outbox: Outbox, rows: Rows
) -> None:
    handler = Together(ValueError("a fault of ours"))
    await post(outbox, "one", "two")
    relay = relay_of(outbox, handler)
    await relay.drain()
    assert [(row.state, row.reason) for row in await rows.all()] == [("waiting", "ValueError")] * 2

    await make_due(database)
    await relay.drain()
    assert handler.batches == [["one", "two"]]
    assert await rows.states() == ["sent", "sent"]


async def test_where_the_database_is_away_nothing_is_written_and_all_are_claimed_again(
    outbox: Outbox, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    await post(outbox, "one", "two")
    await relay_of(outbox, Together(DatabaseUnready("away"))).drain()

    assert [(row.state, row.reason) for row in await rows.all()] == [("waiting", None)] * 2
    assert sum("mail.unsettled" in text for text in caplog.messages) == 2


async def test_those_that_came_to_nothing_leave_their_room_to_others_while_a_mail_is_slow(outbox: Outbox) -> None:
    handler = Together(nobody=NOTHING)
    await post(outbox, "slow", "nobody", "nobody")
    relay = Relay(outbox, [Lane({"note": handler}, 2, ahead=3)], RelayLimits(poll=LONG))
    async with running(relay):
        await handler.has_begun("slow")
        await post(outbox, "one", "two")
        await handler.has_done("one", "two")
        handler.open.set()
        await handler.has_done("slow")


async def test_others_are_claimed_and_begun_while_a_batch_is_being_prepared_and_no_more_than_the_lane_says(
    outbox: Outbox, elsewhere: Outbox
) -> None:
    handler = Patient()
    await post(outbox, "one", "two", "three", "four", "five")
    async with running(Relay(outbox, [Lane({"note": handler}, 1, ahead=4, batch=2)], RelayLimits(poll=LONG))):
        async with asyncio.timeout(10):
            await handler.two_at_a_time.wait()
        assert handler.batches == [["one", "two"], ["three", "four"]]
        assert [text_of(message) for message in await elsewhere.claim(9, timedelta(minutes=1))] == ["five"]
        handler.go.set()
        await handler.has_done("one", "two", "three", "four")


class Patient(Together):
    """Prepares nothing before `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.preparing, self.two_at_a_time, self.go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def prepare_all(self, messages: Sequence[Message]) -> Sequence[Settlement | Delivery | Exception]:
        self.batches.append([text_of(message) for message in messages])
        self.preparing.set()
        if len(self.batches) == 2:
            self.two_at_a_time.set()
        await self.go.wait()
        return [await self(message) for message in messages]


async def test_what_has_no_place_when_the_relay_is_ended_is_put_back(outbox: Outbox, rows: Rows) -> None:
    handler = Together()
    await post(outbox, "slow", "one", "two")
    async with running(relay_of(outbox, handler, concurrency=1, ahead=3)) as task:
        await handler.has_begun("slow")
        task.cancel()
        handler.open.set()

    assert await rows.states() == ["sent", "waiting", "waiting"]


async def test_what_is_prepared_while_the_relay_is_ended_and_has_no_place_is_put_back(
    outbox: Outbox, rows: Rows
) -> None:
    handler = Patient()
    await post(outbox, "slow one", "slow two", "three", "four", "five")
    async with running(relay_of(outbox, handler, concurrency=2, ahead=5)) as task:
        await handler.preparing.wait()
        task.cancel()
        await asyncio.sleep(0)
        handler.go.set()
        await handler.has_begun("slow one", "slow two")
        handler.open.set()
        await asyncio.wait({task}, timeout=10)

    assert await rows.states() == ["sent", "sent", "waiting", "waiting", "waiting"]
    assert [row.claim for row in await rows.all()] == [None] * 5


async def test_of_several_ends_at_one_moment_that_it_was_sent_counts(outbox: Outbox, rows: Rows) -> None:
    await post(outbox, "one")
    (message,) = await outbox.claim(1, LONG)
    ends = outbox.settlements

    await asyncio.gather(
        ends.dropped(message, "nobody"), ends.sent(message, Sent("resend", "id")), ends.dead(message, "too late")
    )

    assert await rows.states() == ["sent"]


async def test_messages_that_cannot_be_left_hold_up_nobody(
    database: Database, outbox: Outbox, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(outbox, "one", "two", "three", "four")
    for _ in range(3):  # workers that end without a word
        await outbox.claim(3, LONG)
        await make_due(database)
    leave = outbox.leave
    monkeypatch.setattr(outbox, "leave", AsyncMock(side_effect=[DatabaseUnready("locked"), leave]))
    relay = relay_of(outbox, Together(), ahead=4)

    await relay.drain()
    assert (await rows.states()).count("sent") == 2, "the fresh one, and one of those that were abandoned"
    monkeypatch.setattr(outbox, "leave", leave)
    await make_due(database)
    await relay.drain()

    assert await rows.states() == ["sent"] * 4
