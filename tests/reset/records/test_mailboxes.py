"""When a mailbox may get the next mail, and what a report about an earlier one ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from keyturn.service.clock import MovableClock, replaced
from keyturn.service.database import Database
from keyturn.service.reset.records.mailboxes import Mailbox, Mailboxes

ADA = "ada@a.example"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = timedelta(seconds=1)
"""Longer than the statements of a test may take: its clock runs as the machine's does."""


@pytest.fixture(autouse=True)
def clock() -> Iterator[MovableClock]:
    clock = MovableClock()
    with replaced(clock, None):
        yield clock


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def mailboxes(database: Database) -> Mailboxes:
    return Mailboxes(database, cooldown=MINUTE, daily=6)


async def claim(database: Database, mailboxes: Mailboxes, email: str = ADA) -> bool:
    (refusal,) = await database.transact(lambda connection: mailboxes.within(connection).claim([(email, True)]))
    return refusal is None


async def look(mailboxes: Mailboxes) -> Mailbox:
    return (await mailboxes.look([ADA]))[ADA]


async def end_cooldown(database: Database, mailboxes: Mailboxes, email: str) -> None:
    await database.transact(lambda connection: mailboxes.within(connection).end_cooldown(email))


async def test_the_daily_limit_refills_evenly(database: Database, clock: MovableClock) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(0), daily=3)
    claimed = [await claim(database, mailboxes) for _ in range(4)]
    assert claimed == [True, True, True, False]
    assert (await look(mailboxes)).refusal == "daily_limit"

    clock.move(8 * HOUR + LATER)
    assert [await claim(database, mailboxes) for _ in range(2)] == [True, False]
    clock.move(2 * DAY)
    assert [await claim(database, mailboxes) for _ in range(4)] == claimed


@pytest.mark.parametrize("cooldown", [timedelta(seconds=10), MINUTE, 5 * HOUR])
@pytest.mark.long
async def test_a_mailbox_can_be_claimed_once_the_wait_that_it_names_is_over(
    database: Database, cooldown: timedelta, clock: MovableClock
) -> None:
    mailboxes = Mailboxes(database, cooldown=cooldown, daily=9)
    for _ in range(12):
        assert await claim(database, mailboxes)
        left = (await look(mailboxes)).wait
        clock.move(left - 5 * LATER)
        assert not await claim(database, mailboxes)
        clock.move(6 * LATER)


async def test_a_cooldown_of_days_is_not_shortened(database: Database, clock: MovableClock) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(days=7), daily=9)
    claimed = []
    for days in (0, 2, 4.9, 0.2):
        clock.move(timedelta(days=days))
        claimed.append(await claim(database, mailboxes))

    assert claimed == [True, False, False, True]


async def test_of_many_claims_at_once_as_many_succeed_as_the_daily_limit_has_left(database: Database) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(0), daily=3)

    assert sum(await asyncio.gather(*(claim(database, mailboxes) for _ in range(20)))) == 3
