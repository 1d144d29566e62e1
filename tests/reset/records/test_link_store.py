"""The links in the database: what decides is one statement, however many ask at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from keyturn.database import Database
from keyturn.reset.records.link_store import LinkStore, NewLink
from keyturn.reset.records.tokens import digest

Add = Callable[..., Awaitable[None]]

MOMENT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def links(database: Database) -> LinkStore:
    return LinkStore(database, lifetime=HALF_AN_HOUR)


@pytest.fixture
def add(database: Database) -> Add:
    async def add(token: str, account_id: str = "ada", *, moment: datetime = MOMENT) -> None:
        def write(connection: Connection) -> None:
            link = NewLink(
                digest=digest(token),
                account_id=account_id,
                email=f"{account_id}@northwind.example",
                ip_address="192.0.2.1",
                user_agent="",
                expires_at=moment + HALF_AN_HOUR,
            )
            store = LinkStore(database, lifetime=HALF_AN_HOUR)
            store.within(connection).add([(link, True)], moment)

        await database.transact(write)

    return add


async def dead(links: LinkStore, token: str, moment: datetime = MOMENT) -> str | None:
    link = await links.find(digest(token))
    assert link is not None
    return link.dead_reason(moment)


async def consume(database: Database, links: LinkStore, token: str, moment: datetime = MOMENT) -> bool:
    return await database.transact(lambda connection: links.within(connection).consume(digest(token), moment))


async def test_a_link_is_found_by_its_digest(links: LinkStore, add: Add) -> None:
    await add("one")

    link = await links.find(digest("one"))
    assert link is not None
    assert (link.account_id, link.email, link.expires_at) == ("ada", "ada@northwind.example", MOMENT + HALF_AN_HOUR)
    assert (link.used_at, link.revoked_at, link.dead_reason(MOMENT)) == (None, None, None)


async def test_who_looks_at_the_same_time_finds_their_own(links: LinkStore, add: Add) -> None:
    for token in ("one", "two", "three"):
        await add(token, token)

    wanted = ["two", "unknown", "three", "one", "two"]
    found = await asyncio.gather(*(links.find(digest(token)) for token in wanted))
    assert [link and link.account_id for link in found] == ["two", None, "three", "one", "two"]


async def test_a_link_dies_the_moment_its_time_is_over(links: LinkStore, add: Add) -> None:
    await add("one")

    end = MOMENT + HALF_AN_HOUR
    assert await dead(links, "one", end - timedelta(microseconds=1)) is None
    assert await dead(links, "one", end) == "expired"


async def test_a_link_is_used_once(database: Database, links: LinkStore, add: Add) -> None:
    await add("one")

    assert await consume(database, links, "one")
    assert not await consume(database, links, "one")
    assert await dead(links, "one") == "used"


async def test_of_many_who_use_it_at_once_one_succeeds(database: Database, links: LinkStore, add: Add) -> None:
    await add("one")

    assert sum(await asyncio.gather(*(consume(database, links, "one") for _ in range(20)))) == 1


async def test_a_use_that_is_not_committed_leaves_the_link_alive(
    database: Database, links: LinkStore, add: Add
) -> None:
    await add("one")

    def consume_and_undo(connection: Connection) -> None:
        assert links.within(connection).consume(digest("one"), MOMENT)
        connection.rollback()

    await database.transact(consume_and_undo)

    assert await dead(links, "one") is None


async def test_an_expired_an_unknown_and_a_revoked_link_cannot_be_used(
    database: Database, links: LinkStore, add: Add
) -> None:
    await add("late")
    await add("revoked", "eve")
    await database.transact(lambda connection: links.within(connection).revoke_all("eve", MOMENT))

    assert not await consume(database, links, "late", MOMENT + HALF_AN_HOUR)
    assert not await consume(database, links, "unknown")
    assert not await consume(database, links, "revoked")


async def test_a_new_link_leaves_earlier_ones_alive(links: LinkStore, add: Add) -> None:
    for minute, token in enumerate("abcdefg"):
        await add(token, moment=MOMENT + timedelta(minutes=minute))

    assert {await dead(links, token, MOMENT + timedelta(minutes=7)) for token in "abcdefg"} == {None}


async def test_links_of_others_are_not_touched(database: Database, links: LinkStore, add: Add) -> None:
    await add("adas")
    await add("eves", "eve")
    await database.transact(lambda connection: links.within(connection).revoke_all("ada", MOMENT))

    assert await dead(links, "adas") == "invalid"
    assert await dead(links, "eves") is None


async def test_a_revocation_does_not_rewrite_what_was_used(database: Database, links: LinkStore, add: Add) -> None:
    await add("one")
    await consume(database, links, "one")
    await database.transact(lambda connection: links.within(connection).revoke_all("ada", MOMENT))

    assert await dead(links, "one") == "used"
