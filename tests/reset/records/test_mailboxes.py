"""When a mailbox may get the next mail, and what a report about an earlier one ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from keyturn.service.clock import MovableClock, replaced
from keyturn.service.database import Database
from keyturn.service.reset.records.mailboxes import Mailbox, Mailboxes, Refusal

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


async def test_a_mailbox_gets_one_mail_in_a_cooldown_however_its_address_is_spelt(
    database: Database, mailboxes: Mailboxes, clock: MovableClock
) -> None:
    assert await claim(database, mailboxes)
    assert not await claim(database, mailboxes, "ADA@a.example")
    assert (await look(mailboxes)).refusal == "cooldown"
    assert await claim(database, mailboxes, "eve@a.example")

    clock.move(MINUTE + LATER)
    assert await claim(database, mailboxes)


async def test_the_daily_limit_refills_evenly(database: Database, clock: MovableClock) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(0), daily=3)
    claimed = [await claim(database, mailboxes) for _ in range(4)]
    assert claimed == [True, True, True, False]
    assert (await look(mailboxes)).refusal == "daily_limit"

    clock.move(8 * HOUR + LATER)
    assert [await claim(database, mailboxes) for _ in range(2)] == [True, False]
    clock.move(2 * DAY)
    assert [await claim(database, mailboxes) for _ in range(4)] == claimed


async def test_a_mail_that_the_cooldown_holds_back_is_not_counted_in_the_daily_limit(
    database: Database, mailboxes: Mailboxes
) -> None:
    assert [await claim(database, mailboxes) for _ in range(4)] == [True, False, False, False]
    assert (await look(mailboxes)).mails == 1


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


async def test_of_many_claims_at_once_one_succeeds_in_a_cooldown(database: Database, mailboxes: Mailboxes) -> None:
    assert sum(await asyncio.gather(*(claim(database, mailboxes) for _ in range(20)))) == 1


async def test_an_unwanted_claim_counts_nothing(database: Database, mailboxes: Mailboxes) -> None:
    def write(connection: Connection) -> Sequence[Refusal | None]:
        return mailboxes.within(connection).claim([(ADA, False), ("eve@a.example", True)])

    assert await database.transact(write) == [None, None]
    assert await claim(database, mailboxes)
    assert not await claim(database, mailboxes, "eve@a.example")


@pytest.mark.parametrize("refusal", ["suppressed", "daily_limit", "cooldown"])
async def test_a_claim_that_is_refused_says_why(database: Database, refusal: str) -> None:
    cooldown = MINUTE if refusal == "cooldown" else timedelta(0)
    mailboxes = Mailboxes(database, cooldown=cooldown, daily=1 if refusal == "daily_limit" else 6)

    def write(connection: Connection) -> Sequence[Refusal | None]:
        here = mailboxes.within(connection)
        here.claim([(ADA, True)])
        if refusal == "suppressed":
            here.suppress(ADA, "bounced")
        return here.claim([(ADA, True)])

    assert await database.transact(write) == [refusal]


async def test_a_link_that_was_used_ends_the_cooldown_and_not_the_count_of_the_day(
    database: Database, mailboxes: Mailboxes
) -> None:
    claimed = []
    for _ in range(8):
        claimed.append(await claim(database, mailboxes))
        await end_cooldown(database, mailboxes, "ADA@a.example")

    assert claimed == [True] * 6 + [False] * 2
    assert (await look(mailboxes)).mails == 6


async def test_a_report_ends_the_mails_of_a_mailbox_until_its_suppression_is_over(
    database: Database, mailboxes: Mailboxes, clock: MovableClock
) -> None:
    await database.transact(lambda connection: mailboxes.within(connection).suppress(ADA, "complained"))
    await end_cooldown(database, mailboxes, ADA)
    assert not await claim(database, mailboxes)
    assert (await look(mailboxes)).refusal == "suppressed"

    clock.move(14 * DAY + LATER)
    assert (await look(mailboxes)).is_blank
    assert await claim(database, mailboxes)


async def test_a_mailbox_that_was_released_can_be_claimed_at_once(database: Database) -> None:
    mailboxes = Mailboxes(database, cooldown=MINUTE, daily=1)
    await claim(database, mailboxes)

    def write(connection: Connection) -> list[bool]:
        mailboxes.within(connection).suppress(ADA, "complained")
        return [mailboxes.within(connection).release("ADA@a.example") for _ in range(2)]

    assert await database.transact(write) == [True, False]
    assert await claim(database, mailboxes)
