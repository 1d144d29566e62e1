"""Runs heavy work of requests off the event loop, on a few threads with two waiting lines."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")


class PoolFull(Exception):
    """As many callers already wait as the pool allows."""


class Turns:
    """Lets at most `places` callers through at a time. Others wait, at most `waiting` in each of
    two lines.

    An attacker can fill the line of strangers. The reserved line is for callers with a working link
    or an open session, and is served first. So a flood of sign-ins delays a reset only by the work
    that has begun (OWASP ASVS 2.4.1, 13.2.6).
    """

    def __init__(self, places: int, waiting: int) -> None:
        self._free = places
        self._most = waiting
        self._reserved: deque[asyncio.Future[None]] = deque()
        self._strangers: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, *, reserved: bool = False) -> AsyncIterator[None]:
        """Wait for a place, and keep it until the end of the block.

        Raises PoolFull if the line is full.
        """
        line = self._reserved if reserved else self._strangers
        await self._wait(line)
        try:
            yield
        finally:
            self._call_next()

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        if self._free:
            self._free -= 1
            return
        if len(line) >= self._most:
            raise PoolFull
        called = asyncio.get_running_loop().create_future()
        line.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called in line:
                line.remove(called)
            else:  # its turn came just as it was cancelled
                self._call_next()
            raise

    def _call_next(self) -> None:
        line = self._reserved or self._strangers
        if not line:
            self._free += 1
            return
        called = line.popleft()
        if called.done():  # it was cancelled, and its `_wait` will call the next one
            return
        called.set_result(None)


class BoundedPool:
    """Runs heavy functions on threads of its own.

    `threads`: how many run at a time.
    `waiting`: how many callers wait in each line, as in `Turns`.
    `initializer`: runs at the start of each thread.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        waiting: int,
        *,
        initializer: Callable[[], None] | None = None,
    ) -> None:
        self._turns = Turns(threads, waiting)
        self._open = partial(ThreadPoolExecutor, threads, name, initializer)
        self._threads: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], Result], *, reserved: bool = False) -> Result:
        """Run `work` with the caller's context variables and return its result.

        Raises PoolFull.
        """
        async with self._turns.turn(reserved=reserved):
            if self._threads is None:
                self._threads = self._open()
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, copy_context().run, work
            )

    def close(self) -> None:
        """End the threads. Later work starts new ones."""
        threads = self._threads
        self._threads = None
        if threads:
            threads.shutdown(wait=False, cancel_futures=True)


def cores() -> int:
    """Return how many processor cores this process may use. The machine may have more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
