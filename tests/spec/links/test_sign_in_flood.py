"""As many strangers try to sign in as the hashing queue takes: a user with a live link waits for
none of them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.driver.service import FREE, LOGIN, NOBODY, PASSWORD, Service, change, problem

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

QUEUE = 16
MOST = QUEUE // 2
"""Hashes of strangers that are too many to wait for: a stranger waits for QUEUE, any other user for
at most four.
"""


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {
        "hashing": {"cost": 10, "workers": 1, "queue": QUEUE},
        "limits": FREE | {"account": "9999/minute"},
    }


@asynccontextmanager
async def flood(service: Service) -> AsyncIterator[asyncio.Queue[str]]:
    """Keep the worker and every place of strangers taken; yield the answer to each guess that was
    hashed.
    """
    answers: asyncio.Queue[str] = asyncio.Queue()

    async def guess() -> None:
        client = service.anywhere()
        guessed = {"email": NOBODY, "password": PASSWORD}
        while (
            answer := problem(await client.post(LOGIN, json=guessed))
        ) == "401 credentials-rejected":
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


@pytest.mark.long
@pytest.mark.parametrize("is_reset", [True, False])
async def test_neither_a_reset_nor_a_signed_in_change_is_held_up(
    service: Service, is_reset: bool
) -> None:
    """The strangers who are answered before it are counted, since seconds depend on what else the
    machine does.
    """
    link, browser = await service.link(), await service.sign_in()
    async with flood(service) as answers:
        before = answers.qsize()
        assert (problem(await service.reset(link)) if is_reset else await change(browser)) == "200"
        assert answers.qsize() - before < MOST
        await answers.get()  # the flood goes on
