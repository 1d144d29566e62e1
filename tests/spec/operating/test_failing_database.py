"""A database that stops answering, or that takes no more writes: every wait ends, and connections
are made anew.
"""

import asyncio
from datetime import timedelta

import pytest
from tests.driver.database import refuse_writes, take_writes
from tests.driver.service import ADA, REQUEST, Service, Start, problem, running, settings_for
from tests.servers.silent_proxy import silent_proxy

PATIENCE = timedelta(seconds=3)
READY = "/health/ready"
MANY = 30
"""Requests. If each waited for the one before it, each would meet a connection of its own."""

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


def patient(url: str) -> dict[str, object]:
    unlimited = {"request": "1000/second", "mailbox_cooldown": timedelta(0)}
    return {"database": {"url": url, "timeout": PATIENCE}, "limits": unlimited}


@pytest.mark.long
async def test_requests_while_it_is_frozen_are_told_to_retry_and_then_it_goes_on(
    database_url: str,
) -> None:
    async with (
        silent_proxy(database_url) as (url, proxy),
        running(settings_for(url, **patient(url))) as service,
    ):
        await service.add(ADA)
        await service.ask()
        opened = proxy.opened
        proxy.fall_silent()
        answers = await asyncio.gather(*(ask(service) for _ in range(MANY)))
        assert answers == ["503 unavailable"] * MANY
        assert proxy.opened - opened < MANY
        assert problem(await service.anywhere().get(READY)) == "503 unavailable"
        proxy.speak_again()
        async with asyncio.timeout(
            20
        ):  # a busy machine may not make a new connection within the patience
            while await ask(service) != "202":
                pass
        assert proxy.opened > opened, "the frozen connections were thrown away"


async def ask(service: Service) -> str:
    return problem(await service.anywhere().post(REQUEST, json={"email": ADA}))


async def test_a_link_survives_a_database_that_froze_before_it_was_used(database_url: str) -> None:
    async with (
        silent_proxy(database_url) as (url, proxy),
        running(settings_for(url, **patient(url))) as service,
    ):
        await service.add(ADA)
        token = await service.link()
        proxy.fall_silent()
        assert problem(await service.reset(token)) == "503 unavailable", "nothing had begun yet"
        proxy.speak_again()
        async with asyncio.timeout(20):
            while (answer := await service.reset(token)).status_code == 503:
                pass
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "in_memory", [True, False], ids=["limits in memory", "limits in the database"]
)
async def test_requests_get_503_until_it_takes_writes_again(
    start: Start, database_url: str, in_memory: bool
) -> None:
    service = await start(limits={"in_memory": in_memory})
    await refuse_writes(database_url)
    assert [await ask(service) for _ in range(2)] == ["503 unavailable"] * 2
    assert problem(await service.anywhere().get(READY)) == "503 unavailable"
    await take_writes(database_url)
    assert problem(await service.anywhere().get(READY)) == "200"
    assert await ask(service) == "202"


async def test_a_connection_that_was_made_before_is_refused_once(
    start: Start, database_url: str
) -> None:
    service = await start(limits={"in_memory": True})
    token = await service.link()
    await refuse_writes(database_url)
    assert problem(await service.reset(token)) == "503 unavailable", (
        "the link is not used up, and nothing is unknown"
    )
    for _ in range(5):  # so that each connection of the pool is made
        assert await service.works(token)
    await take_writes(database_url)
    assert await ask(service) == "503 unavailable"
    assert await ask(service) == "202"
    assert (await service.reset(token)).status_code == 200
