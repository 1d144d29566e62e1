"""Lets waiting callers share a statement: group commit for writes, one list of values for reads.

The cost of a small statement is the trip (session, thread hop, commit), not the row. A batch takes that trip once for
all callers that wait at that moment. If a user waits for the answer, an idle server starts at once: it answers as fast
as without batches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate, islice, takewhile
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_Awaited = TypeVar("_Awaited")


class Deadline(NamedTuple):
    """The seconds that a caller waits, None for no limit; and the error that it then gets."""

    seconds: float | None
    error: Callable[[], Exception]


class Batcher(Generic[Item, Result]):
    """Runs `execute` on everything that was submitted while the previous batch was under way.

    `execute` returns one result for each item, in the same order; an exception among them is raised for its item alone.
    If it fails for a batch of several, each item is tried alone once, so that one bad row does not fail its neighbours.
    `common` faults, such as a database that is down, fail the whole batch at once. Cancelling a waiter does not cancel
    the batch.

    `gathers`: let the event loop run first, for as long as that brings more items, up to `largest`. That pays if a trip
    takes this process's own time, as with SQLite: otherwise the first caller takes a trip alone, and the rest the next.
    `pause`: seconds to wait before each batch instead, for work that users do not wait for.

    `deadline` ends the wait of each caller, counted from its own arrival. Its items are still executed.
    """

    def __init__(
        self,
        execute: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        common: type[Exception] | tuple[()] = (),
        largest: int = 500,
        gathers: bool = False,
        pause: float = 0,
        deadline: Deadline | None = None,
    ) -> None:
        self._execute = execute
        self._common = common
        self._largest = largest
        self._gathers = gathers
        self._pause = pause
        self._deadline = deadline
        self._waiting: list[_Submission[Item, Result]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Return the result for `item`, after the batch it joined is done. Raises what `execute` raised for it."""
        (result,) = await self._in_time(self._enqueue([item]))
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_all(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        """Return the results of `submit` for all the items, or raise."""
        parts = [items[first : first + self._largest] for first in range(0, len(items), self._largest)]
        # gather, so that a cancelled caller also cancels its futures.
        gathered = await self._in_time(asyncio.gather(*map(self._enqueue, parts)))
        return [result for results in gathered for result in results]

    async def _in_time(self, submitted: "asyncio.Future[_Awaited]") -> _Awaited:
        if not (self._deadline and self._deadline.seconds):
            return await submitted
        # A bare timer: `asyncio.timeout` takes as long as the rest of an item's cost in a batch.
        timer = asyncio.get_running_loop().call_later(self._deadline.seconds, _end, submitted, self._deadline.error)
        try:
            return await submitted
        finally:
            timer.cancel()

    def _enqueue(self, items: Sequence[Item]) -> "asyncio.Future[Sequence[Result | Exception]]":
        submitted = _Submission[Item, Result](items, asyncio.get_running_loop().create_future())
        self._waiting.append(submitted)
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return submitted.results

    async def _drain(self) -> None:
        try:
            while self._waiting:
                if self._pause:
                    await asyncio.sleep(self._pause)
                elif self._gathers:
                    await self._gather()
                batch = self._next_batch()
                results = iter(await self._run([item for submitted in batch for item in submitted.items]))
                for submitted in batch:
                    own = list(islice(results, len(submitted.items)))
                    if not submitted.results.done():  # otherwise its waiter was cancelled
                        submitted.results.set_result(own)
        finally:
            self._running = None

    async def _gather(self) -> None:
        seen = 0
        while seen < len(self._waiting) < self._largest:
            seen = len(self._waiting)
            await asyncio.sleep(0)

    def _next_batch(self) -> "Sequence[_Submission[Item, Result]]":
        ends = accumulate(len(submitted.items) for submitted in self._waiting)
        count = sum(1 for _ in takewhile(lambda end: end <= self._largest, ends))
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _run(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            results = await self._execute(items)
            return [result for _, result in zip(items, results, strict=True)]
        except Exception as error:  # noqa: BLE001 - it belongs to the waiters, whatever it is
            if len(items) == 1 or isinstance(error, self._common):
                return [error] * len(items)
            return [result for item in items for result in await self._run([item])]


def _end(submitted: "asyncio.Future[Any]", error: Callable[[], Exception]) -> None:
    if not submitted.done():
        submitted.set_exception(error())


class _Submission(NamedTuple, Generic[Item, Result]):
    """Items of one `submit` call, and the futures of their results."""

    items: Sequence[Item]
    results: "asyncio.Future[Sequence[Result | Exception]]"
