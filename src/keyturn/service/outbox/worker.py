"""The worker: claims messages that are due, oldest first, tries them and settles them, a bounded number at a time."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol, runtime_checkable

from keyturn.errors import SendRefused
from keyturn.service.outbox.attempts import Attempts, WorkerLimits
from keyturn.service.outbox.message import Delivery, Message, Settlement
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import DatabaseUnready, WorkerDown
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute
from keyturn.service.telemetry.meters import Meters

log = logging.getLogger("keyturn.outbox")

Handler = Callable[[Message], Awaitable[Settlement]]
"""Handles a message to its end, as a `Delivery` does."""


@runtime_checkable
class PreparesTogether(Protocol):
    """A handler that also prepares all messages of a claim in one transaction."""

    async def __call__(self, message: Message, /) -> Settlement: ...

    async def prepare(self, messages: Sequence[Message], /) -> Sequence[Settlement | Delivery | Exception]:
        """Return for each message its end, the delivery that is left to do, or why it cannot be done."""


class Lane:
    """Messages of some kinds, and how many are under way at a time: however many wait, other lanes are not delayed.

    `handlers`: the handler of each kind.
    `places`: how many messages are handled at a time; of those that are prepared together, delivered.
    `batch`: how many messages are claimed at a time, if more than there are places.
    `close`: called once at the end, to close the handlers' resources.
    `abandoned`: messages that an earlier worker held when it died, in place of new ones.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        places: int,
        close: Callable[[], Awaitable[None]] | None = None,
        *,
        batch: int = 0,
        abandoned: bool = False,
    ) -> None:
        self.handlers = handlers
        self.batch = max(batch, places)
        self.close = close
        self.places = asyncio.Semaphore(places)
        self.abandoned = abandoned


class Worker:
    """Sends the outbox's messages. Any number of workers may share a PostgreSQL; one worker holds a message at a time.

    Messages of kinds that no lane handles stay in the outbox, for a worker of a newer version.
    A message that an earlier worker held when it died may have killed that worker, and may kill this one. Such messages
    are tried one at a time, so in the end it is given up alone: each other one that it takes along ends at its next
    try.

    `request_of`: returns the id of the request that a message comes from, or "", for the log.
    """

    def __init__(
        self,
        outbox: Outbox,
        lanes: Sequence[Lane],
        limits: WorkerLimits,
        jitter: Callable[[], float] = random.random,
        *,
        request_of: Callable[[Message], str] = lambda _: "",
        meters: Meters | None = None,
    ) -> None:
        self._outbox = outbox
        self._handlers = {kind: handler for lane in lanes for kind, handler in lane.handlers.items()}
        self._lanes = (*lanes, Lane(self._handlers, 1, abandoned=True))
        self._limits = limits
        self._attempts = Attempts(outbox, limits, jitter, meters or Meters(), request_of)
        self._lines = OnceAMinute()
        self._held: set[tuple[int, str]] = set()
        self._trying: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. Then finish what is under way, since its mail may already be with the provider."""
        self._attempts.count_from_zero(self._handlers)
        self._stopped = asyncio.Event()  # it belongs to the event loop that awaits it
        await self._warn_of_other_kinds()
        async with self._renewing_leases():
            loops = [asyncio.create_task(self._repeat(lane)) for lane in self._lanes]
            try:
                await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)  # one ends only by a fault of ours
            finally:
                self._stopped.set()
                self._outbox.wake()
                await asyncio.wait(loops)
                await self._finish()
        await asyncio.gather(*loops)

    async def drain(self) -> int:
        """Work until no message is due, and return how many were handled: for batch jobs and tests."""
        handled = 0
        async with self._renewing_leases():
            try:
                while claimed := sum([await self._work(lane, to_the_end=True) for lane in self._lanes], start=0):
                    handled += claimed
            except asyncio.CancelledError:
                for task in self._trying:
                    task.cancel()
                raise
        return handled

    async def _finish(self) -> None:
        """Wait for the messages that are under way."""
        while self._trying:
            await asyncio.wait(self._trying)

    async def close(self) -> None:
        """Close the handlers' resources."""
        for lane in self._lanes:
            if lane.close:
                await lane.close()

    async def _warn_of_other_kinds(self) -> None:
        with contextlib.suppress(DatabaseUnready):  # the loops tell
            if kinds := await self._outbox.other_kinds(self._handlers):
                log.warning(LogEvent("outbox.unknown_kinds", kinds=",".join(kinds)))

    async def _repeat(self, lane: Lane) -> None:
        """Work again and again; wait if less was claimed than a lane takes."""
        while not self._stopped.is_set():
            woken = self._outbox.woken()
            claimed = await self._work(lane)
            if claimed == lane.batch:
                continue
            if claimed:
                await _wait(self._stopped, self._limits.rest)
            await _wait(woken, self._limits.poll)

    async def _work(self, lane: Lane, *, to_the_end: bool = False) -> int:
        """Claim messages of a lane, and begin each once there is a place for it; return how many were claimed."""
        begun: list[asyncio.Task[None]] = []
        messages = await self._claim(lane)
        self._held.update((message.id, message.claim) for message in messages)
        for message, delivery in await self._prepare_all(lane, messages):
            await lane.places.acquire()
            task = asyncio.create_task(self._try(lane, message, delivery))
            self._trying.add(task)
            task.add_done_callback(self._trying.discard)
            begun.append(task)
        if begun and (to_the_end or lane.abandoned):
            await asyncio.wait(begun)
        return len(messages)

    async def _claim(self, lane: Lane) -> Sequence[Message]:
        try:
            return await self._outbox.claim(
                lane.batch, self._limits.lease, only=lane.handlers, abandoned=lane.abandoned
            )
        except DatabaseUnready as error:
            if count := self._lines.count("unready"):
                log.warning(LogEvent("outbox.unready", reason=error, count=count))
        except Exception:  # a worker survives any error of a database
            log.exception(LogEvent("outbox.claim_failed"))
        return []

    async def _prepare_all(self, lane: Lane, messages: Sequence[Message]) -> Sequence[tuple[Message, Delivery]]:
        """Return what is left to deliver. Messages that come to nothing end together, and each failed one by itself."""
        works: dict[int, Settlement | Delivery | Exception] = {}
        for kind in dict.fromkeys(message.kind for message in messages):
            alike = [message for message in messages if message.kind == kind]
            works |= zip((message.id for message in alike), await self._prepare(lane, kind, alike), strict=True)
        begun = [(message, works[message.id]) for message in messages]
        ended = [(message, work) for message, work in begun if isinstance(work, Settlement | Exception)]
        await self._attempts.end_all(ended)
        self._held.difference_update((message.id, message.claim) for message, _ in ended)
        return [(message, work) for message, work in begun if not isinstance(work, Settlement | Exception)]

    async def _prepare(
        self, lane: Lane, kind: str, messages: Sequence[Message]
    ) -> Sequence[Settlement | Delivery | Exception]:
        """Prepare messages together. If that fails, each is handled in its own place: one bad message fails alone."""
        handler = lane.handlers[kind]
        alone = [partial(handler, message) for message in messages]
        if self._stopped.is_set() or lane.abandoned or not isinstance(handler, PreparesTogether):
            return alone
        # `gather` reports also that the handler was cancelled from within, as by a library of an app's store.
        (prepared,) = await asyncio.gather(handler.prepare(messages), return_exceptions=True)
        if isinstance(prepared, DatabaseUnready):
            return [prepared] * len(messages)
        return alone if isinstance(prepared, BaseException) else prepared

    async def _try(self, lane: Lane, message: Message, delivery: Delivery) -> None:
        self._attempts.name_request_of(message)  # for this message alone: each has its own task
        try:
            try:
                outcome = None if self._stopped.is_set() else await self._outcome_of(message, delivery)
            finally:
                lane.places.release()
            if outcome is None:
                await self._attempts.put_back(message)
            else:
                await self._attempts.end(message, outcome)
        finally:
            self._held.discard((message.id, message.claim))

    async def _outcome_of(self, message: Message, delivery: Delivery) -> Settlement | Exception:
        if message.crashes > self._limits.max_crashes:
            return SendRefused("every attempt was interrupted")
        try:
            async with asyncio.timeout(self._limits.longest.total_seconds()):
                return await delivery()
        except Exception as error:  # noqa: BLE001 - `Attempts` tells them apart
            return error

    @contextlib.asynccontextmanager
    async def _renewing_leases(self) -> AsyncIterator[None]:
        """Renew the leases of all held messages while the block lasts, three times within each lease.

        A killed worker therefore holds its messages no longer than a lease, however long a delivery may take.
        """
        renewing = asyncio.create_task(self._renew_leases())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _renew_leases(self) -> None:
        """Renew until cancelled. A lease that cannot be renewed runs out, as if the worker had died."""
        while True:
            await asyncio.sleep(self._limits.lease.total_seconds() / 3)
            try:
                if self._held:
                    await self._outbox.held.renew(self._held, self._limits.lease)
            except DatabaseUnready as error:
                log.warning(LogEvent("outbox.unready", reason=error))
            except Exception:  # a worker survives any error of a database
                log.exception(LogEvent("outbox.renewal_failed"))


async def _wait(event: asyncio.Event, longest: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        # Not wait_for: until Python 3.12 it loses a cancellation that arrives as the event is set.
        async with asyncio.timeout(longest.total_seconds()):
            await event.wait()


class WorkerLiveness:
    """Whether the worker runs. `is_down`: a worker that should run has ended, and no other works yet."""

    is_down = False

    def require(self) -> None:
        """Raise WorkerDown if requests are accepted and stored, but no mail is sent."""
        if self.is_down:
            raise WorkerDown("the worker has stopped, and is being restarted")
