"""A provider's rate limit, kept by all workers together."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from keyturn.database import Database
from keyturn.errors import SendRetryable, SendUnknown
from keyturn.mail.port.email import Email
from keyturn.mail.sending import pace
from keyturn.mail.sending.pace import LONGEST_HOLD, Pace, PacedSender, PaceRow

pytestmark = pytest.mark.slow

FAST, SLOW = 20.0, 0.001
"""Calls a second."""


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


@pytest.mark.long
async def test_calls_are_spread_over_all_workers(database: Database, elsewhere: Database) -> None:
    started = time.monotonic()
    turns = (Pace(where, "resend", FAST).turn() for where in (database, elsewhere) for _ in range(4))
    await asyncio.gather(*turns)

    assert time.monotonic() - started > 7 / FAST, "eight calls have seven gaps between them, each a little longer"


async def test_who_comes_alone_does_not_wait(database: Database) -> None:
    async with asyncio.timeout(5):
        await Pace(database, "resend", SLOW).turn()


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


async def test_a_second_call_within_the_gap_waits(database: Database) -> None:
    one_in_five_seconds = Pace(database, "resend", 0.2)
    await one_in_five_seconds.turn()
    second = asyncio.create_task(one_in_five_seconds.turn())
    await asyncio.wait({second}, timeout=0.2)

    assert not second.done()
    second.cancel()


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


async def test_a_pause_that_one_is_told_holds_for_all(database: Database, elsewhere: Database, mail: Email) -> None:
    started = time.monotonic()
    with pytest.raises(SendRetryable):
        await PacedSender(Provider(0.5), Pace(database, "resend", 1000)).send(mail, "key-1")

    await Pace(elsewhere, "resend", 1000).turn()
    assert time.monotonic() - started >= 0.49


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_machine_whose_clock_is_ahead_holds_nobody(
    database: Database, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        hour_ahead = time.time() + 3600
        ahead.setattr(time, "time", lambda: hour_ahead)
        await Pace(database, "resend", 1000).turn()

    async with asyncio.timeout(5):
        await Pace(elsewhere, "resend", 1000).turn()


async def test_a_pause_of_an_hour_does_not_hold_everybody_for_an_hour(
    database: Database, mail: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONGEST_HOLD", 0.1)
    sender = PacedSender(Provider(3600), Pace(database, "resend", 1000))
    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")

    assert error.value.retry_after == 3600, "the mail itself waits as it was told"
    async with asyncio.timeout(5):
        assert await sender.send(mail, "key-2") == "key-2"


async def test_a_failure_without_a_pause_holds_nobody(database: Database, mail: Email) -> None:
    sender = PacedSender(Provider(None), Pace(database, "resend", 1000))
    with pytest.raises(SendRetryable):
        await sender.send(mail, "key-1")

    async with asyncio.timeout(5):
        assert await sender.send(mail, "key-1") == "key-1"


async def test_the_time_that_a_report_is_given_is_one_mails_alone(database: Database, mail: Email) -> None:
    sender = PacedSender(Provider(60, SendUnknown), Pace(database, "postmark", 1000))
    with pytest.raises(SendUnknown):
        await sender.send(mail, "key-1")

    async with asyncio.timeout(5):
        assert await sender.send(mail, "key-2") == "key-2"


async def test_it_is_named_and_closed_as_what_it_paces(database: Database) -> None:
    provider = Provider(None)
    sender = PacedSender(provider, Pace(database, "resend", FAST))
    await sender.close()

    assert (sender.name, provider.closed) == ("resend", True)


async def test_who_is_first_in_line_waits_for_no_others_and_moves_them_back_by_a_place(database: Database) -> None:
    slow = Pace(database, "resend", SLOW)
    await slow.turn()
    before = await next_at(database)
    async with asyncio.timeout(5):
        await slow.first_in_line().turn()

    assert await next_at(database) - before == pytest.approx(1.05 / SLOW)  # a slot, with its slack
    with pytest.raises(SendRetryable, match="too many mails wait"):
        await slow.first_in_line().turn()  # the second of them, at once


async def test_a_pause_of_the_provider_holds_who_is_first_in_line_too(database: Database, mail: Email) -> None:
    started = time.monotonic()
    sender = PacedSender(Provider(0.5), Pace(database, "resend", 1000)).first_in_line()
    with pytest.raises(SendRetryable):
        await sender.send(mail, "key-1")

    assert await sender.send(mail, "key-2") == "key-2"
    assert time.monotonic() - started >= 0.49


async def next_at(database: Database) -> float:
    (row,) = await database.fetch(select(PaceRow.next_at).where(PaceRow.name == "resend"))
    return float(row["next_at"])
