"""Asks hosts for the weight of images. With httpx: who asks nobody need not load it."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping

import httpx

from keyturn.http_client import HttpClient

_AT_A_TIME = 6
_SECONDS = 5.0
_ALTOGETHER = 20.0
_LARGEST = 10 * 1024 * 1024
"""Bytes that are waited for: what is larger weighs as much as this."""


async def weigh(addresses: Collection[str]) -> Mapping[str, int]:
    """Return the bytes of images by their addresses; an image that does not come, or not in time, is left out."""
    weights: dict[str, int] = {}
    turn = asyncio.Semaphore(_AT_A_TIME)

    async def weigh_one(client: HttpClient, address: str) -> None:
        try:
            async with turn, client.stream("GET", address, headers={"accept": "image/*"}) as answer:
                if answer.is_success:
                    weights[address] = await _count(answer)
        except Exception:  # noqa: BLE001 - the mail's author wrote the address, and httpx refuses one in many ways
            return

    async with HttpClient(timeout=_SECONDS, follow_redirects=True, max_redirects=3) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ALTOGETHER), asyncio.TaskGroup() as asking:
                for address in addresses:
                    asking.create_task(weigh_one(client, address))
    return weights


async def _count(answer: httpx.Response) -> int:
    weight = 0
    async for piece in answer.aiter_raw():
        weight += len(piece)
        if weight >= _LARGEST:
            return _LARGEST
    return weight
