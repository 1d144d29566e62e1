"""The worker: claims messages that are due, oldest first, tries them and settles them, a bounded number at a time."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable

from keyturn.errors import SendRefused
from keyturn.service.outbox.attempts import Attempts, WorkerLimits
from keyturn.service.outbox.message import Delivery, Dropped, Message, Sent, Settlement
from keyturn.service.outbox.queue import Listener, Outbox
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready, WorkerDown
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute
from keyturn.service.telemetry.meters import Meters

log = logging.getLogger("keyturn.outbox")


@runtime_checkable
class PreparesTogether(Protocol):
    """A handler that prepares all messages of a claim in one transaction."""

    async def prepare(self, messages: Sequence[Message], /) -> Sequence[Settlement | Delivery | Exception]:
        """Return for each message its end, the delivery that is left to do, or why it cannot be done."""


Handler = Callable[[Message], Awaitable[Settlement]] | PreparesTogether
"""Handles a message to its end, as a `Delivery` does, or prepares several."""


_Work = Callable[[], Awaitable[Sequence[Message]]]
"""Claims messages, begins their tries, and returns them."""


class Lane:
    """Messages of some kinds, and how many are under way at a time: however many wait, other lanes are not delayed.

    `handlers`: the handler of each kind.
    `places`: how many messages are handled at a time; of those that are prepared together, delivered.
    `batch`: how many messages are claimed at a time, if more than there are places.
    `close`: called once at the end, to close the handlers' resources.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        places: int,
        close: Callable[[], Awaitable[None]] | None = None,
        *,
        batch: int = 0,
    ) -> None:
        self.handlers = handlers
        self.batch = max(batch, places)
        self.close = close
        self.places = asyncio.Semaphore(places)


class Worker:
    """Sends the outbox's messages. Any number of workers may share a PostgreSQL; one worker holds a message at a time.

    The first of the `lanes` also gets the kinds that no lane handles.
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
        self._lanes = lanes
        self._limits = limits
        self._attempts = Attempts(outbox, limits, jitter, meters or Meters(), request_of)
        self._listener = Listener(outbox.database, outbox.wake)
        self._lines = OnceAMinute()
        self._leases = LeaseKeeper(outbox, limits.lease)
        self._trying: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. Then finish what is under way, since its mail may already be with the provider."""
        self._attempts.count_from_zero(kind for lane in self._lanes for kind in lane.handlers)
        self._stopped = asyncio.Event()  # it belongs to the event loop that awaits it
        await self._listener.ensure()
        async with self._leases.renewed():
            loops = [asyncio.create_task(self._repeat(partial(self._work, lane), lane.batch)) for lane in self._lanes]
            loops.append(asyncio.create_task(self._repeat(self._listen_and_work_abandoned, 1)))
            try:
                await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)  # one ends only by a fault of ours
            finally:
                self._stopped.set()
                self._outbox.wake()
                await asyncio.wait(loops)
                await self._finish()
                await self._listener.close()
        await asyncio.gather(*loops)

    async def drain(self) -> int:
        """Work until no message is due, and return how many were handled: for batch jobs and tests."""
        handled = 0
        works: list[_Work] = [*(partial(self._work, lane) for lane in self._lanes), self._work_abandoned]
        async with self._leases.renewed():
            try:
                while taken := sum([await self._drain(work) for work in works], start=0):
                    handled += taken
            finally:
                for task in self._trying:  # after a cancellation
                    task.cancel()
        return handled

    async def _drain(self, work: _Work) -> int:
        claimed = await work()
        await self._finish()
        return len(claimed)

    async def _finish(self) -> None:
        """Wait for the messages that are under way."""
        while self._trying:
            await asyncio.gather(*self._trying)

    async def close(self) -> None:
        """Close the handlers' resources."""
        for lane in self._lanes:
            if lane.close:
                await lane.close()

    async def _repeat(self, work: _Work, most: int) -> None:
        """Do `work` again and again; wait if it claimed less than `most`."""
        while not self._stopped.is_set():
            woken = self._outbox.woken()
            claimed = await work()
            if len(claimed) == most:
                continue
            if claimed:
                await _wait(self._stopped, self._limits.rest)
            await _wait(woken, self._limits.poll)

    async def _work(self, lane: Lane) -> Sequence[Message]:
        """Claim messages of a lane and begin each, once there is a place for it."""
        is_first = lane is self._lanes[0]
        others = [kind for other in self._lanes[1:] for kind in other.handlers] if is_first else ()
        messages = await self._claim(lane.batch, only=() if is_first else lane.handlers, but=others)
        await self._begin_all(lane, messages)
        return messages

    async def _listen_and_work_abandoned(self) -> Sequence[Message]:
        await self._listener.ensure()
        return await self._work_abandoned()

    async def _work_abandoned(self) -> Sequence[Message]:
        """Try a message that an earlier worker held when it died, and wait for its end.

        It may have killed that worker, and may kill this one. Such messages are tried one at a time, so in the end it
        is given up alone: each other one that it takes along ends at its next try.
        """
        messages = await self._claim(1, abandoned=True)
        for message in messages:
            if message.crashes > self._limits.max_crashes:
                await self._attempts.end(message, SendRefused("every attempt was interrupted"))
                continue
            lane = next((one for one in self._lanes if message.kind in one.handlers), self._lanes[0])
            if begun := await self._begin_all(lane, messages):
                await asyncio.wait(begun)
        return messages

    async def _claim(self, most: int, **which: Any) -> Sequence[Message]:
        try:
            return await self._outbox.claim(most, self._limits.lease, **which)
        except DatabaseUnready as error:
            if count := self._lines.count("unready"):
                log.warning(LogEvent("outbox.unready", reason=error, count=count))
        except Exception:  # a worker survives any error of a database
            log.exception(LogEvent("outbox.claim_failed"))
        return []

    async def _begin_all(self, lane: Lane, messages: Sequence[Message]) -> Sequence[asyncio.Task[None]]:
        """Prepare claimed messages, and begin each delivery once there is a place; at a stop, put back the others."""
        begun: dict[int, asyncio.Task[None]] = {}
        if self._stopped.is_set():
            await self._put_back(messages)
            return []
        self._leases.hold(messages)
        try:
            waiting = deque(await self._prepare_all(lane, messages))
            while waiting:
                await lane.places.acquire()
                if self._stopped.is_set():
                    lane.places.release()
                    await self._put_back([message for message, _ in waiting])
                    break
                message, delivery = waiting.popleft()
                begun[message.id] = asyncio.create_task(self._try(lane, message, delivery))
                self._trying.add(begun[message.id])
                begun[message.id].add_done_callback(self._trying.discard)
        finally:
            self._leases.let_go(message for message in messages if message.id not in begun)
        return list(begun.values())

    async def _prepare_all(self, lane: Lane, messages: Sequence[Message]) -> Sequence[tuple[Message, Delivery]]:
        """Return what is left to deliver. Messages that come to nothing end together, and each failed one by itself."""
        prepared: dict[int, Settlement | Delivery | Exception] = {}
        for kind in dict.fromkeys(message.kind for message in messages):
            alike = [message for message in messages if message.kind == kind]
            handler = lane.handlers.get(kind, _refuse_kind)
            if isinstance(handler, PreparesTogether):
                prepared |= zip((one.id for one in alike), await self._prepare(handler, alike), strict=True)
            else:
                prepared |= {message.id: partial(handler, message) for message in alike}
        works = [(message, prepared[message.id]) for message in messages]
        await asyncio.gather(  # each in a task, and so with the request's id of its own in the log
            self._attempts.drop_all([(message, work) for message, work in works if isinstance(work, Dropped)]),
            *(self._attempts.end(message, work) for message, work in works if isinstance(work, Sent | Exception)),
        )
        return [(message, work) for message, work in works if not isinstance(work, Settlement | Exception)]

    async def _prepare(
        self, handler: PreparesTogether, messages: Sequence[Message]
    ) -> Sequence[Settlement | Delivery | Exception]:
        """Prepare messages together. If that fails as a whole, prepare each alone: one bad message fails alone.

        If the store of the accounts cannot answer, the first message tells whether it answers for others.
        """
        try:
            async with asyncio.timeout(self._limits.longest.total_seconds()):
                # `gather` reports also that the handler was cancelled from within, as by a library of an app's store.
                (prepared,) = await asyncio.gather(handler.prepare(messages), return_exceptions=True)
        except TimeoutError as error:
            return [error] * len(messages)
        if not isinstance(prepared, BaseException):
            return prepared
        if len(messages) > 1 and not isinstance(prepared, DatabaseUnready):
            outcomes = list(await self._prepare(handler, messages[:1]))
            if isinstance(outcomes[0], AccountsUnready):
                return outcomes * len(messages)
            for message in messages[1:]:
                outcomes += await self._prepare(handler, [message])
            return outcomes
        failure = prepared if isinstance(prepared, Exception) else RuntimeError("cancelled from within")
        return [failure] * len(messages)

    async def _try(self, lane: Lane, message: Message, delivery: Delivery) -> None:
        outcome: Settlement | Exception
        self._attempts.name_request_of(message)  # for this message alone: each has its own task
        try:
            try:
                async with asyncio.timeout(self._limits.longest.total_seconds()):
                    outcome = await delivery()
            except Exception as error:  # noqa: BLE001 - `Attempts` tells them apart
                outcome = error
            finally:
                lane.places.release()
            await self._attempts.end(message, outcome)
        finally:
            self._leases.let_go([message])

    async def _put_back(self, messages: Sequence[Message]) -> None:
        if messages:
            with contextlib.suppress(DatabaseUnready):  # then their leases run out
                await self._outbox.put_back(messages)


async def _wait(event: asyncio.Event, longest: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        # Not wait_for: until Python 3.12 it loses a cancellation that arrives as the event is set.
        async with asyncio.timeout(longest.total_seconds()):
            await event.wait()


async def _refuse_kind(message: Message) -> Settlement:
    raise SendRefused(f"unknown kind of message: {message.kind}")


class LeaseKeeper:
    """Renews the leases of the held messages, three times within each `lease`.

    A killed worker therefore holds its messages no longer than a lease, however long a delivery may take.
    """

    def __init__(self, outbox: Outbox, lease: timedelta) -> None:
        self._outbox = outbox
        self._lease = lease
        self._held: dict[int, str] = {}

    def hold(self, messages: Iterable[Message]) -> None:
        self._held.update((message.id, message.claim) for message in messages)

    def let_go(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if self._held.get(message.id) == message.claim:
                del self._held[message.id]

    @contextlib.asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Renew the leases while the block lasts."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _renew(self) -> None:
        """Renew until cancelled. A lease that cannot be renewed runs out, as if the worker had died."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                if self._held:
                    await self._outbox.renew(self._held, self._lease)
            except DatabaseUnready as error:
                log.warning(LogEvent("outbox.unready", reason=error))
            except Exception:  # a worker survives any error of a database
                log.exception(LogEvent("outbox.renewal_failed"))


class WorkerLiveness:
    """Whether the worker runs. `is_down`: a worker that should run has ended, and no other works yet."""

    is_down = False

    def require(self) -> None:
        """Raise WorkerDown if requests are accepted and stored, but no mail is sent."""
        if self.is_down:
            raise WorkerDown("the worker has stopped, and is being restarted")
