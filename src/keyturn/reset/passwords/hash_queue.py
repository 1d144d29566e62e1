"""Whose password is hashed next: two lines before the same workers."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keyturn.errors import Busy

_RETRY_AFTER = 5


class HashQueue:
    """Lets at most `workers` through at a time; in each of two lines at most `places` wait.

    One line is for strangers, whom anybody can be by the thousand. The other is reserved for those who have shown
    something (a live link, an open session) and is served first: however many sign-ins are tried, a reset waits for the
    hash that is being made, and for others like itself (OWASP ASVS 2.4.1, 13.2.6).
    """

    def __init__(self, workers: int, places: int) -> None:
        self._free = workers
        self._places = places
        self._reserved: deque[asyncio.Future[None]] = deque()
        self._strangers: deque[asyncio.Future[None]] = deque()
        self._second: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def turn(self, *, reserved: bool, is_second: bool = False) -> AsyncIterator[None]:
        """Wait for a worker, and keep it until the end of the block. Raises Busy where the line is full.

        `is_second`: the caller waits already, for another hash of the same change. It takes no place of its own.
        """
        await self._wait(self._reserved if reserved else self._strangers, is_second=is_second)
        try:
            yield
        finally:
            self._call_next()

    async def _wait(self, line: deque[asyncio.Future[None]], *, is_second: bool) -> None:
        if self._free:
            self._free -= 1
            return
        if not is_second and sum(each not in self._second for each in line) >= self._places:
            raise Busy(_RETRY_AFTER)
        called = asyncio.get_running_loop().create_future()
        line.append(called)
        if is_second:
            self._second.add(called)
            called.add_done_callback(self._second.discard)
        try:
            await called
        except asyncio.CancelledError:
            if called in line:
                line.remove(called)
            else:  # it was called at the moment when it went
                self._call_next()
            raise

    def _call_next(self) -> None:
        line = self._reserved or self._strangers
        if not line:
            self._free += 1
            return
        called = line.popleft()
        if called.done():  # cancelled, and not gone yet: whoever waits for it calls the next
            return
        called.set_result(None)


def cores() -> int:
    """Return on how many cores this process may run: where it is bound to some, fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
