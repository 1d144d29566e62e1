"""When a mailbox may be written to again: what decides is one statement, however many ask at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from keyturn.service.database import Database
from keyturn.service.reset.records.mailboxes import Mailboxes

MOMENT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def mailboxes(database: Database) -> Mailboxes:
    return Mailboxes(database, cooldown=MINUTE, daily=6, suppression=timedelta(days=14))


async def claim(database: Database, mailboxes: Mailboxes, email: str, moment: datetime) -> bool:
    (claimed,) = await database.transact(lambda connection: mailboxes.within(connection).claim([(email, True)], moment))
    return claimed


async def end_cooldown(database: Database, mailboxes: Mailboxes, email: str, moment: datetime) -> None:
    await database.transact(lambda connection: mailboxes.within(connection).end_cooldown(email, moment))


async def test_the_rest_of_a_second_is_waited_for_whole(database: Database, mailboxes: Mailboxes) -> None:
    await claim(database, mailboxes, "ada@a.example", MOMENT)

    left = await mailboxes.cooldown_left("ada@a.example", MOMENT + timedelta(seconds=10.2))
    assert left == timedelta(seconds=50)


@pytest.mark.long
async def test_who_asks_for_a_mailbox_every_minute_of_a_day_sends_it_a_handful_of_mails(
    database: Database, mailboxes: Mailboxes
) -> None:
    times = [MOMENT + MINUTE * minute for minute in range(24 * 60)]
    mailed = [moment - MOMENT for moment in times if await claim(database, mailboxes, "ada@a.example", moment)]

    assert mailed == [MINUTE * after for after in (0, 1, 2, 3, 5, 9)]


async def test_the_next_day_begins_anew(database: Database, mailboxes: Mailboxes) -> None:
    for after in (0, 1, 2, 3, 5, 9):
        assert await claim(database, mailboxes, "ada@a.example", MOMENT + MINUTE * after)

    tomorrow = MOMENT + timedelta(days=1)
    assert [
        await claim(database, mailboxes, "ada@a.example", tomorrow + MINUTE * after) for after in (-1, 0, 1, 2, 3, 4)
    ] == [False, True, True, True, True, False]


@pytest.mark.parametrize("cooldown", [timedelta(0), timedelta(seconds=1), MINUTE, timedelta(hours=5)])
@pytest.mark.long
async def test_what_a_mailbox_says_of_its_rest_is_when_it_may_be_written_to(
    database: Database, cooldown: timedelta
) -> None:
    mailboxes, moment = Mailboxes(database, cooldown=cooldown, daily=9, suppression=MINUTE), MOMENT
    for _ in range(12):
        assert await claim(database, mailboxes, "ada@a.example", moment)
        left = await mailboxes.cooldown_left("ada@a.example", moment)
        if left:
            assert not await claim(database, mailboxes, "ada@a.example", moment + left - timedelta(seconds=1))
        moment += left


async def test_a_cooldown_of_days_is_not_shortened_by_the_count_of_a_day(database: Database) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(days=7), daily=9, suppression=MINUTE)
    times = [MOMENT + timedelta(days=days) for days in (0, 2, 6.9, 7)]

    assert [await claim(database, mailboxes, "ada@a.example", moment) for moment in times] == [
        True,
        False,
        False,
        True,
    ]


async def test_of_many_at_once_as_many_are_told_yes_as_the_day_has_left(database: Database) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(0), daily=3, suppression=MINUTE)
    tries = (claim(database, mailboxes, "ada@a.example", MOMENT) for _ in range(20))

    assert sum(await asyncio.gather(*tries)) == 3


async def test_a_mailbox_from_before_the_count_gets_its_mails(database: Database, mailboxes: Mailboxes) -> None:
    await database.transact(
        lambda connection: mailboxes.within(connection).suppress(
            "ada@a.example", MOMENT - timedelta(days=30), "bounced"
        )
    )

    assert await claim(database, mailboxes, "ada@a.example", MOMENT)
    found = await mailboxes.find("ada@a.example")
    assert found
    assert found.mails_today(MOMENT) == 1


async def test_who_used_the_link_waits_no_longer_and_the_count_of_the_day_stays(
    database: Database, mailboxes: Mailboxes
) -> None:
    later = [MOMENT + timedelta(seconds=second) for second in range(8)]
    claimed = []
    for moment in later:
        claimed.append(await claim(database, mailboxes, "ada@a.example", moment))
        left = await mailboxes.cooldown_left("ada@a.example", moment)
        await end_cooldown(database, mailboxes, "ADA@a.example", moment)
        assert await mailboxes.cooldown_left("ada@a.example", moment) == (timedelta(0) if len(claimed) < 6 else left)

    assert claimed == [True] * 6 + [False] * 2
    found = await mailboxes.find("ada@a.example")
    assert found
    assert (found.mails, found.last_mail_at) == (6, None)


async def test_using_a_link_ends_no_suppression(database: Database, mailboxes: Mailboxes) -> None:
    def write(connection: Connection) -> None:
        mailboxes.within(connection).suppress("ada@a.example", MOMENT, "complained")

    await database.transact(write)
    await end_cooldown(database, mailboxes, "ada@a.example", MOMENT)
    assert not await claim(database, mailboxes, "ada@a.example", MOMENT)


async def test_a_mailbox_that_was_released_is_written_to_at_once(database: Database) -> None:
    mailboxes = Mailboxes(database, cooldown=MINUTE, daily=1, suppression=timedelta(days=14))
    await claim(database, mailboxes, "ada@a.example", MOMENT)

    def write(connection: Connection) -> None:
        mailboxes.within(connection).suppress("ada@a.example", MOMENT, "complained")
        assert [mailboxes.within(connection).release("ADA@a.example") for _ in range(2)] == [True, False]

    await database.transact(write)

    assert await claim(database, mailboxes, "ada@a.example", MOMENT)
