"""bcrypt that waits: a hash is computed, and its thread goes on at a moment of the test's
choice.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import bcrypt
import pytest

_PATIENCE = 20
"""Seconds after which a thread goes on by itself, so that a test that failed ends."""


class HeldHash:
    """The first hash of a block."""

    def __init__(self) -> None:
        self._computed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._first = threading.Lock()
        self._opened = threading.Event()

    async def computed(self) -> None:
        """Wait until the hash is computed, and its thread held."""
        async with asyncio.timeout(_PATIENCE / 2):
            await self._computed.wait()

    def wait(self) -> None:
        """Hold the first thread that comes here, and no other."""
        if self._first.acquire(blocking=False):
            self._loop.call_soon_threadsafe(self._computed.set)
            self._opened.wait(_PATIENCE)

    def open(self) -> None:
        self._opened.set()


@contextmanager
def first_hash_held(name: Literal["hashpw", "checkpw"]) -> Iterator[HeldHash]:
    """Hold the first hash until the end of the block.

    The service needs a second thread for hashes.
    """
    held = HeldHash()
    with _waiting(name, held.wait):
        try:
            yield held
        finally:
            held.open()


@contextmanager
def hashed_together(number: int) -> Iterator[None]:
    """Hold new hashes until there are so many, so that what follows them comes at one moment.

    Each needs a thread.
    """
    with _waiting("hashpw", threading.Barrier(number, timeout=_PATIENCE).wait):
        yield


@contextmanager
def _waiting(name: str, wait: Any) -> Iterator[None]:
    compute = getattr(bcrypt, name)

    def compute_and_wait(*given: bytes) -> Any:
        result = compute(*given)
        wait()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bcrypt, name, compute_and_wait)
        yield
