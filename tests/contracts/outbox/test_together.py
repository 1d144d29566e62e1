"""What a handler prepares in one go, as it would have prepared each."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import ANY

import pytest
from msgspec.structs import replace
from tests.contracts.outbox.conftest import (
    NOTHING,
    Handler,
    Rows,
    WatchedOutbox,
    post,
    running,
    text_of,
    worker_of,
)

from keyturn.errors import SendRefused, SendRetryable
from keyturn.service.clock import MovableClock
from keyturn.service.outbox.message import Delivery, Message, Settlement
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready


class Together(Handler):
    """`results` holds what each text is prepared to, other than a delivery.

    With `faults` of a text, all fail that are prepared with it, and it fails alone.
    """

    def __init__(
        self, faults: dict[str, Exception] | None = None, **results: Settlement | Exception
    ) -> None:
        super().__init__()
        self.results = results
        self.faults = faults or {}
        self.batches: list[list[str]] = []

    async def __call__(self, message: Message) -> Settlement:
        if fault := self.faults.get(text_of(message)):
            raise fault
        return await super().__call__(message)

    async def prepare(
        self, messages: Sequence[Message]
    ) -> Sequence[Settlement | Delivery | Exception]:
        texts = [text_of(message) for message in messages]
        self.batches.append(texts)
        for text in texts:
            if text in self.faults:
                raise self.faults[text]
        return [self.results.get(text) or partial(self.deliver, text) for text in texts]


async def test_what_is_claimed_together_is_prepared_in_one_go_each_to_its_own_end(
    outbox: Outbox, rows: Rows
) -> None:
    handler = Together(
        nobody=NOTHING, refused=SendRefused("no such kind"), later=SendRetryable("busy")
    )
    await post(outbox, "one", "nobody", "refused", "later", "two")
    assert await worker_of(outbox, handler).drain() == 5

    assert handler.batches == [["one", "nobody", "refused", "later", "two"]]
    assert sorted(handler.done) == ["one", "two"]
    assert await rows.states() == ["sent", "dropped", "dead", "waiting", "sent"]
    assert [row.reason for row in await rows.all()] == [
        None,
        "nothing to say",
        "no such kind",
        "busy",
        None,
    ]
    assert [row.claim for row in await rows.all()] == [None] * 5


CANCELLED: Any = asyncio.CancelledError()


@pytest.mark.parametrize(
    ("fault", "others", "reason"),
    [
        (AccountsUnready("not in this character set"), "sent", "accounts unready"),
        (DatabaseUnready("away"), "waiting", None),
        (CANCELLED, "sent", ANY),
    ],
    ids=["an address that cannot be looked up", "a database that is away", "cancelled from within"],
)
async def test_a_fault_of_one_is_no_other_s_unless_it_is_the_database_s(
    outbox: Outbox, rows: Rows, fault: Exception, others: str, reason: str | None
) -> None:
    await post(outbox, "bad", "one", "two")
    handler = Together({"bad": fault})
    await worker_of(outbox, handler).drain()

    assert handler.batches == [["bad", "one", "two"]]
    assert await rows.states() == ["waiting", others, others]
    assert (await rows.all())[0].reason == reason


async def test_those_that_have_no_place_when_the_worker_is_ended_are_put_back(
    outbox: Outbox, rows: Rows
) -> None:
    """None of them was sent, so that each may still go to any provider."""

    class Sealing(Together):
        async def prepare(
            self, messages: Sequence[Message]
        ) -> Sequence[Settlement | Delivery | Exception]:
            mails = [(replace(one, sender="resend"), b"a mail") for one in messages]
            await outbox.database.transact(lambda connection: outbox.within(connection).seal(mails))
            return await super().prepare(messages)

    handler = Sealing()
    await post(outbox, "slow", "one", "two")
    async with running(worker_of(outbox, handler, places=1)) as task:
        await handler.has_begun("slow")
        task.cancel()
        handler.open.set()

    assert await rows.states() == ["sent", "waiting", "waiting"]
    put_back = [(row.claim, row.faults, row.sealed, row.sender) for row in await rows.all()][1:]
    assert put_back == [(None, 0, b"a mail", None)] * 2


@pytest.mark.long
async def test_a_mail_that_waits_for_a_place_does_not_outlast_its_lease_by_waiting(
    outbox: WatchedOutbox, rows: Rows, moving: MovableClock
) -> None:
    handler = Together()
    await post(outbox, "slow", "one")
    short = timedelta(seconds=1)
    async with running(
        worker_of(outbox, handler, places=1, longest=timedelta(hours=1), lease=short)
    ):
        await handler.has_begun("slow")
        first = (await rows.all())[1].available_at
        for _ in range(2):
            moving.move(short * 0.7)
            await outbox.has_renewed()
        assert (await rows.all())[1].available_at > first + short * 0.7
        handler.open.set()
        await handler.has_done("slow", "one")

    assert await rows.states() == ["sent", "sent"]
