"""Strangers try to sign in, as many as the queue of hashes takes: whoever holds a live link waits for none of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from tests.spec.conftest import Start
from tests.spec.service import CHANGE, LOGIN, NEW_PASSWORD, NOBODY, PASSWORD, Service, problem

from keyturn.settings import HashingSettings, LimitSettings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

QUEUE = 16
REJECTED = "401 credentials-rejected"
SHARE = 0.5
"""How much of a stranger's wait is too much: a stranger waits for QUEUE hashes and more, nobody else for over four."""


@pytest.fixture
async def service(start: Start) -> Service:
    limits = LimitSettings(account="10000/minute", login="10000/minute", mailbox_cooldown=timedelta(0))
    return await start(hashing=HashingSettings(cost=10, workers=1, queue=QUEUE), limits=limits)


@asynccontextmanager
async def flood(service: Service) -> AsyncIterator[asyncio.Queue[float]]:
    """Keep the worker and every place of strangers taken; yield how many seconds each guess takes."""
    waits: asyncio.Queue[float] = asyncio.Queue()

    async def guess() -> None:
        client = service.anywhere()
        while True:
            waits.put_nowait(await seconds(client.post(LOGIN, json={"email": NOBODY, "password": PASSWORD}), REJECTED))

    strangers = [asyncio.create_task(guess()) for _ in range(QUEUE + 1)]
    try:
        [await waits.get() for _ in strangers]
        yield waits
    finally:
        for stranger in strangers:
            stranger.cancel()
        await asyncio.gather(*strangers, return_exceptions=True)


async def seconds(asked: Awaitable[httpx.Response], expected: str = "200") -> float:
    start = time.perf_counter()
    assert problem(await asked) == expected
    return time.perf_counter() - start


@pytest.mark.long
async def test_a_reset_is_not_held_up(service: Service) -> None:
    token = await service.link()
    async with flood(service) as waits:
        taken = await seconds(service.reset(token))
        assert taken < SHARE * await waits.get()


@pytest.mark.long
async def test_a_signed_in_change_is_not_held_up(service: Service) -> None:
    browser = await service.sign_in()
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    async with flood(service) as waits:
        taken = await seconds(browser.post(CHANGE, json=body))
        assert taken < SHARE * await waits.get()
