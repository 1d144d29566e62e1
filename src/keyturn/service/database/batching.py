"""Lets waiting callers share a statement.

Writes are committed as a group, and reads ask for a list of values.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import QueryableAttribute

from keyturn.errors import KeyturnError
from keyturn.service.database.database import Database
from keyturn.service.database.statements import is_one_of

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class _Waiter(NamedTuple, Generic[_Item, _Result]):
    """An item, and the future of its caller."""

    item: _Item
    result: "asyncio.Future[_Result | Exception]"


@dataclass(eq=False)
class Batcher(Generic[_Item, _Result]):
    """Runs `execute` on all items that were submitted while the previous batch was running.

    `execute` returns one result for each item, in the same order; an exception among them is raised
    for its item alone. If a batch of several items fails, each item is tried alone once, so that
    one bad row does not fail the others. A KeyturnError, as of a database that is down, fails them
    all at once. A caller that is cancelled does not cancel its batch.

    Before each batch, the event loop runs for as long as that brings more items, up to `largest`: a
    trip takes this process's own time, so a larger batch costs each item less.

    `pause`: seconds to wait before each batch, too.
    `in_time`: limits the wait of each caller, counted from its own arrival. Its items are still
    executed.
    """

    execute: Callable[[Sequence[_Item]], Awaitable[Sequence[_Result | Exception]]]
    _: KW_ONLY
    largest: int = 500
    pause: float = 0
    in_time: Callable[[], AbstractAsyncContextManager[object]] = nullcontext

    def __post_init__(self) -> None:
        self._waiting: list[_Waiter[_Item, _Result]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: _Item) -> _Result:
        """Return the result for `item`, once its batch is done.

        Raises what `execute` raised for it.
        """
        (result,) = await self.submit_all([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_all(self, items: Sequence[_Item]) -> Sequence[_Result | Exception]:
        """Return for each of the items what `submit` would return or raise."""
        # One loop awaits all: `gather` would cost a callback and a turn of the event loop for each
        # item.
        loop = asyncio.get_running_loop()
        waiters: list[_Waiter[_Item, _Result]] = []
        for item in items:
            waiters.append(_Waiter(item, loop.create_future()))
        self._waiting += waiters
        if self._running is None:
            self._running = loop.create_task(self._drain())
        async with self.in_time():
            return [await waiter.result for waiter in waiters]

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_more()
                batch = self._waiting[: self.largest]
                self._waiting = self._waiting[self.largest :]
                results = await self._run([waiter.item for waiter in batch])
                for waiter, result in zip(batch, results, strict=True):
                    # Otherwise its caller was cancelled, or no longer waits.
                    if not waiter.result.done():
                        waiter.result.set_result(result)
        finally:
            self._running = None

    async def _wait_for_more(self) -> None:
        if self.pause:
            await asyncio.sleep(self.pause)
        seen = 0
        while seen < len(self._waiting) < self.largest:
            seen = len(self._waiting)
            await asyncio.sleep(0)

    async def _run(self, items: Sequence[_Item]) -> Sequence[_Result | Exception]:
        try:
            results = await self.execute(items)
            return [result for _, result in zip(items, results, strict=True)]
        except Exception as error:  # noqa: BLE001 - it belongs to the waiters, whatever it is
            if len(items) == 1 or isinstance(error, KeyturnError):
                return [error] * len(items)
        alone: list[_Result | Exception] = []
        for item in items:
            alone += await self._run([item])
        return alone


def lookup(
    database: Database,
    rows: sa.Select[Any],
    key: QueryableAttribute[Any],
    read: Callable[[sa.RowMapping], _Result],
) -> Batcher[Any, _Result | None]:
    """Return a batcher whose `submit` finds the row of a key, or None.

    `rows`: selects the column `key`, and the columns that `read` needs.
    """
    statement = rows.where(is_one_of(key, "keys", database.dialect))

    async def find(keys: Sequence[Any]) -> Sequence[_Result | None]:
        found = await database.fetch(statement, {"keys": list(set(keys))})
        results = {row[key.key]: read(row) for row in found}
        return [results.get(wanted) for wanted in keys]

    return Batcher(find, in_time=database.in_time)
