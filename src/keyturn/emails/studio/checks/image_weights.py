"""What images that lie elsewhere weigh: asked of their hosts when somebody wants it, and kept."""

import asyncio
from collections.abc import Iterable

import httpx

from keyturn.http_client import HttpClient

_MOST = 40
_AT_A_TIME = 6
_SECONDS = 5.0
_ALTOGETHER = 20.0
_LARGEST = 10 * 1024 * 1024
"""Bytes that are waited for: what is larger weighs as much as this."""


class ImageWeights:
    """Knows the bytes of images by their addresses. Nothing of an image is kept or shown but what it weighs."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    async def ask(self, addresses: Iterable[str]) -> None:
        """Ask for these images; what does not come in time, or is no answer, is not known afterwards either."""
        turn = asyncio.Semaphore(_AT_A_TIME)
        wanted = list(dict.fromkeys(one for one in addresses if one.startswith(("https://", "http://"))))[:_MOST]
        async with HttpClient(timeout=_SECONDS, follow_redirects=True, max_redirects=3) as client:
            try:
                async with asyncio.timeout(_ALTOGETHER):
                    await asyncio.gather(*(self._ask_one(client, address, turn) for address in wanted))
            except TimeoutError:
                return

    async def _ask_one(self, client: HttpClient, address: str, turn: asyncio.Semaphore) -> None:
        try:
            async with turn, client.stream("GET", address, headers={"accept": "image/*"}) as answer:
                if answer.is_success:
                    self.known[address] = await _count(answer)
        except (httpx.HTTPError, httpx.InvalidURL):
            self.known.pop(address, None)


async def _count(answer: httpx.Response) -> int:
    weight = 0
    async for piece in answer.aiter_raw():
        weight += len(piece)
        if weight >= _LARGEST:
            return _LARGEST
    return weight
