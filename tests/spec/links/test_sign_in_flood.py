"""As many strangers try to sign in as the hashing queue takes: a user with a live link waits for none of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.driver.service import CHANGE, LOGIN, NEW_PASSWORD, NOBODY, PASSWORD, Service, problem

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

QUEUE = 16
REJECTED = "401 credentials-rejected"
MOST = QUEUE // 2
"""Hashes of strangers that are too many to wait for: a stranger waits for QUEUE, any other user for at most four."""


@pytest.fixture
def service_options() -> dict[str, Any]:
    limits = {"account": "10000/minute", "login": "10000/minute", "mailbox_cooldown": timedelta(0)}
    return {"hashing": {"cost": 10, "workers": 1, "queue": QUEUE}, "limits": limits}


@asynccontextmanager
async def flood(service: Service) -> AsyncIterator[asyncio.Queue[str]]:
    """Keep the worker and every place of strangers taken; yield the answer to each guess that was hashed."""
    answers: asyncio.Queue[str] = asyncio.Queue()

    async def guess() -> None:
        client = service.anywhere()
        guessed = {"email": NOBODY, "password": PASSWORD}
        while (answer := problem(await client.post(LOGIN, json=guessed))) == REJECTED:
            answers.put_nowait(answer)

    strangers = [asyncio.create_task(guess()) for _ in range(QUEUE + 1)]
    try:
        for _ in strangers:
            await answers.get()
        yield answers
    finally:
        for stranger in strangers:
            stranger.cancel()
        await asyncio.gather(*strangers, return_exceptions=True)


async def reset(service: Service) -> Awaitable[httpx2.Response]:
    return service.reset(await service.link())


async def change(service: Service) -> Awaitable[httpx2.Response]:
    browser = await service.sign_in()
    return browser.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})


@pytest.mark.long
@pytest.mark.parametrize("begin", [reset, change])
async def test_neither_a_reset_nor_a_signed_in_change_is_held_up(
    service: Service, begin: Callable[[Service], Awaitable[Awaitable[httpx2.Response]]]
) -> None:
    """The strangers who are answered before it are counted, since seconds depend on what else the machine does."""
    asked = await begin(service)
    async with flood(service) as answers:
        before = answers.qsize()
        assert problem(await asked) == "200"
        assert answers.qsize() - before < MOST
        await answers.get()  # the flood goes on
