"""A provider's rate limit, kept by all workers together."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from keyturn.errors import SendRetryable, SendUnknown
from keyturn.mail.port.email import Email
from keyturn.service.database import Database
from keyturn.service.limits import Limit, alone
from keyturn.service.sending import pace
from keyturn.service.sending.pace import LONGEST_HOLD, Pace, PacedSender
from keyturn.service.settings.building import Rate

pytestmark = pytest.mark.slow

SLOW, HALF_A_LEASE, FAST = 0.001, 0.25, 1000.0
"""Calls a second: two of the second are more than a lease allows after a pause of `LONGEST_HOLD`."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def refused_of(turns: list[Coroutine[Any, Any, None]]) -> int:
    """Begin all turns at once, and end them when one is left that waits; return how many were told to come later."""
    waiting = {asyncio.create_task(turn) for turn in turns}
    refused = 0
    while len(waiting) > 1:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused += sum(isinstance(one.exception(), SendRetryable) for one in done)
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    assert not done, "the last one waits"
    waiting.pop().cancel()
    return refused


async def test_all_workers_share_the_turns(database: Database, elsewhere: Database) -> None:
    """One is there at once, one waits for nine seconds, and for all others a lease would not be long enough."""
    nine_seconds_apart = 1.05 / 9
    turns = [Pace(where, "resend", nine_seconds_apart).turn() for where in (database, elsewhere) for _ in range(4)]

    assert await refused_of(turns) == 6


async def test_each_provider_has_a_pace_of_its_own(database: Database) -> None:
    async with asyncio.timeout(5):
        await Pace(database, "resend", SLOW).turn()
        await Pace(database, "another", SLOW).turn()


async def test_who_would_wait_longer_than_a_lease_allows_is_told_to_come_later(database: Database) -> None:
    slow = Pace(database, "resend", SLOW)
    await slow.turn()
    with pytest.raises(SendRetryable, match="too many mails wait") as refusal:
        await slow.turn()

    assert refusal.value.not_accepted
    assert refusal.value.retry_after == LONGEST_HOLD


class Provider:
    """Asks for a pause, once."""

    name = "resend"

    def __init__(self, pause: float | None, failure: type[SendRetryable] = SendRetryable) -> None:
        self._failures = [failure("slow down", pause)]
        self.closed = False

    async def send(self, _: Email, idempotency_key: str) -> str:
        if self._failures:
            raise self._failures.pop()
        return idempotency_key

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("first_in_line", [False, True])
async def test_a_pause_that_one_is_told_holds_for_all(
    database: Database, elsewhere: Database, mail: Email, first_in_line: bool
) -> None:
    sender = PacedSender(Provider(LONGEST_HOLD), Pace(database, "resend", HALF_A_LEASE))
    there = Pace(elsewhere, "resend", HALF_A_LEASE)
    if first_in_line:
        sender, there = sender.first_in_line(), there.first_in_line()
    with pytest.raises(SendRetryable):
        await sender.send(mail, "key-1")

    assert await refused_of([there.turn(), there.turn()]) == 1, "without the pause, both would wait for their turns"


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_machine_whose_clock_is_ahead_holds_nobody(
    database: Database, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        hour_ahead = time.time() + 3600
        ahead.setattr(time, "time", lambda: hour_ahead)
        await Pace(database, "resend", FAST).turn()

    async with asyncio.timeout(5):
        await Pace(elsewhere, "resend", FAST).turn()


async def test_a_pause_of_an_hour_does_not_hold_everybody_for_an_hour(
    database: Database, mail: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONGEST_HOLD", 0.1)
    sender = PacedSender(Provider(3600), Pace(database, "resend", FAST))
    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")

    assert error.value.retry_after == 3600, "the mail itself waits as it was told"
    async with asyncio.timeout(5):
        assert await sender.send(mail, "key-2") == "key-2"


@pytest.mark.parametrize(
    ("pause", "failure"), [(None, SendRetryable), (60, SendUnknown)], ids=["no pause", "the time of a mail's report"]
)
async def test_other_failures_hold_nobody(
    database: Database, mail: Email, pause: float | None, failure: type[SendRetryable]
) -> None:
    sender = PacedSender(Provider(pause, failure), Pace(database, "resend", FAST))
    with pytest.raises(failure):
        await sender.send(mail, "key-1")

    async with asyncio.timeout(5):
        assert await sender.send(mail, "key-2") == "key-2"


async def test_who_is_first_in_line_waits_for_no_others_and_moves_them_back_by_a_place(database: Database) -> None:
    slow = Pace(database, "resend", SLOW)
    await slow.turn()
    before = await next_slot(database)
    async with asyncio.timeout(5):
        await slow.first_in_line().turn()

    assert await next_slot(database) - before == pytest.approx(1.05 / SLOW, abs=5)  # a slot, with its slack
    with pytest.raises(SendRetryable, match="too many mails wait"):
        await slow.first_in_line().turn()  # the second of them, at once


async def next_slot(database: Database) -> float:
    """Return the seconds until the next free slot."""
    (level,) = await alone(database, lambda counters: counters.levels(Limit(Rate(1, 1), "pace", "resend")))
    return level
