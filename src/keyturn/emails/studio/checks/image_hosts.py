"""Asking the hosts of images what they weigh. With httpx: whoever asks nobody does not load this."""

import asyncio
from collections.abc import Collection, Mapping

import httpx

from keyturn.http_client import HttpClient

_AT_A_TIME = 6
_SECONDS = 5.0
_ALTOGETHER = 20.0
_LARGEST = 10 * 1024 * 1024
"""Bytes that are waited for: what is larger weighs as much as this."""


async def weigh(addresses: Collection[str]) -> Mapping[str, int]:
    """Return the bytes of the images that came in time; of what is no answer nothing is said."""
    weights: dict[str, int] = {}
    turn = asyncio.Semaphore(_AT_A_TIME)

    async def weigh_one(client: HttpClient, address: str) -> None:
        try:
            async with turn, client.stream("GET", address, headers={"accept": "image/*"}) as answer:
                if answer.is_success:
                    weights[address] = await _count(answer)
        except (httpx.HTTPError, httpx.InvalidURL):
            return

    async with HttpClient(timeout=_SECONDS, follow_redirects=True, max_redirects=3) as client:
        try:
            async with asyncio.timeout(_ALTOGETHER):
                await asyncio.gather(*(weigh_one(client, address) for address in addresses))
        except TimeoutError:
            return weights
    return weights


async def _count(answer: httpx.Response) -> int:
    weight = 0
    async for piece in answer.aiter_raw():
        weight += len(piece)
        if weight >= _LARGEST:
            return _LARGEST
    return weight
