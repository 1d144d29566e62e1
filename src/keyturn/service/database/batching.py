"""Lets waiting callers share the trip of a statement: group commit for writes, one list of values for reads."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass
from typing import Generic, TypeVar

from keyturn.errors import KeyturnError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class Batcher(Generic[Item, Result]):
    """Runs `execute` on everything that was submitted while the previous batch was under way.

    `execute` returns one result for each item, in the same order; an exception among them is raised for its item alone.
    If it fails for a batch of several, each item is tried alone once, so that one bad row does not fail its neighbours.
    A KeyturnError, as of a database that is down, fails the whole batch at once. A cancelled waiter cancels nothing.

    `gathers`: let the event loop run first, for as long as that brings more items, up to `largest`: it pays if a trip
    takes this process's own time, as with SQLite. `pause`: seconds to wait before each batch instead.
    `in_time`: limits the wait of each caller, counted from its own arrival. Its items are still executed.
    """

    execute: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]
    _: KW_ONLY
    largest: int = 500
    gathers: bool = False
    pause: float = 0
    in_time: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

    def __post_init__(self) -> None:
        self._waiting: list[tuple[Item, asyncio.Future[Result | Exception]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Return the result for `item`, after the batch it joined is done. Raises what `execute` raised for it."""
        (result,) = await self.submit_all([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_all(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        """Return for each of the items what `submit` would return or raise."""
        # All wait for one batch: `gather` would cost a callback and a turn of the event loop for each item.
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Result | Exception]] = [loop.create_future() for _ in items]
        self._waiting += zip(items, futures, strict=True)
        if self._running is None:
            self._running = loop.create_task(self._drain())
        async with self.in_time():
            return [await future for future in futures]

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_more()
                batch, self._waiting = self._waiting[: self.largest], self._waiting[self.largest :]
                results = await self._run([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():  # else its waiter was cancelled, or its wait is over
                        future.set_result(result)
        finally:
            self._running = None

    async def _wait_for_more(self) -> None:
        if self.pause:
            await asyncio.sleep(self.pause)
        seen = 0
        while self.gathers and seen < len(self._waiting) < self.largest:
            seen = len(self._waiting)
            await asyncio.sleep(0)

    async def _run(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            results = await self.execute(items)
            return [result for _, result in zip(items, results, strict=True)]
        except Exception as error:  # noqa: BLE001 - it belongs to the waiters, whatever it is
            if len(items) == 1 or isinstance(error, KeyturnError):
                return [error] * len(items)
            return [result for item in items for result in await self._run([item])]
