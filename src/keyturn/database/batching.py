"""All who wait share one statement: group commit for writes, one `IN (...)` for reads.

The cost of a small statement is the trip (session, thread hop, commit), not the row. A batch takes that trip once
for everybody who waits at that moment, and never waits for more to come, so an idle server answers as fast as
before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Runs `execute` on everything that was submitted while the previous batch was under way.

    `execute` returns one result an item, in the same order; an exception among them is raised for its item alone. If
    it fails for a batch of several, each item is tried alone once, so that one bad row does not fail its neighbours;
    but `common` faults, such as a database that is down, are everybody's at once. A waiter that is cancelled does not
    cancel the batch.
    """

    def __init__(
        self,
        execute: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        common: type[Exception] | tuple[()] = (),
        largest: int = 500,
    ) -> None:
        self._execute = execute
        self._common = common
        self._largest = largest
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Return the result for `item`, after the batch it joined is done. Raises what `execute` raised for it."""
        return await self._enqueue(item)

    async def submit_all(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        """Return what `submit` would for each of the items, or raise."""
        # gather, so that whoever gives up takes the futures back.
        futures = [self._enqueue(item) for item in items]
        return await asyncio.gather(*futures, return_exceptions=True)  # type: ignore[return-value]  # nobody cancels one

    def _enqueue(self, item: Item) -> "asyncio.Future[Result]":
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
                await self._settle(batch)
        finally:
            self._running = None

    async def _settle(self, batch: Sequence[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        try:
            results = await self._execute([item for item, _ in batch])
            settled = list(zip(batch, results, strict=True))
        except Exception as error:  # noqa: BLE001 - it belongs to the waiters, whatever it is
            if len(batch) > 1 and not isinstance(error, self._common):
                for pair in batch:
                    await self._settle([pair])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in settled:
            if future.done():  # its waiter was cancelled meanwhile
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
