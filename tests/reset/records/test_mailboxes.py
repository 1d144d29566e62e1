"""When a mailbox may be written to again: what decides is one statement, however many ask at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from keyturn.database import Database
from keyturn.reset.records.mailboxes import Mailboxes

MOMENT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def mailboxes(database: Database) -> Mailboxes:
    return Mailboxes(database, cooldown=MINUTE, suppression=timedelta(days=14))


async def claim(database: Database, mailboxes: Mailboxes, email: str, moment: datetime) -> bool:
    async with database.transaction() as session:
        claimed = await mailboxes.claim(session, email, moment)
        await session.commit()
    return claimed


async def test_a_mailbox_is_written_to_once_in_its_cooldown(database: Database, mailboxes: Mailboxes) -> None:
    times = [MOMENT, MOMENT + MINUTE / 2, MOMENT + MINUTE, MOMENT + MINUTE * 1.5]

    assert [await claim(database, mailboxes, "ada@a.example", moment) for moment in times] == [
        True, False, True, False,
    ]  # fmt: skip
    assert await claim(database, mailboxes, "eve@a.example", MOMENT)


async def test_of_many_who_would_write_to_a_mailbox_at_once_one_does(database: Database, mailboxes: Mailboxes) -> None:
    tries = (claim(database, mailboxes, "ada@a.example", MOMENT) for _ in range(20))

    assert sum(await asyncio.gather(*tries)) == 1


async def test_without_a_cooldown_every_mail_goes_out(database: Database) -> None:
    mailboxes = Mailboxes(database, cooldown=timedelta(0), suppression=MINUTE)
    assert [await claim(database, mailboxes, "ada@a.example", MOMENT) for _ in range(2)] == [True, True]


async def test_a_mailbox_says_how_long_it_still_rests(database: Database, mailboxes: Mailboxes) -> None:
    assert await mailboxes.cooldown_left("ada@a.example", MOMENT) == timedelta(0)

    await claim(database, mailboxes, "ada@a.example", MOMENT)

    left = [await mailboxes.cooldown_left("ADA@a.example", MOMENT + MINUTE * part) for part in (0, 0.25, 1, 9)]
    assert left == [MINUTE, MINUTE * 0.75, timedelta(0), timedelta(0)]
    assert await mailboxes.cooldown_left("eve@a.example", MOMENT) == timedelta(0)


async def test_the_rest_of_a_second_is_waited_for_whole(database: Database, mailboxes: Mailboxes) -> None:
    await claim(database, mailboxes, "ada@a.example", MOMENT)

    left = await mailboxes.cooldown_left("ada@a.example", MOMENT + timedelta(seconds=10.2))
    assert left == timedelta(seconds=50)
