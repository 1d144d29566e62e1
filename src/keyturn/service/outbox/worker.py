"""The relay: claims messages that are due, oldest first, tries them and settles them, a bounded number at a time."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from keyturn.service.outbox.attempts import Attempts, Prepared, RelayLimits, RelayLog
from keyturn.service.outbox.lane import Lane
from keyturn.service.outbox.message import Dropped, Message
from keyturn.service.outbox.queue import Listener, Outbox
from keyturn.service.problems.requests import DatabaseUnready, WorkerDown
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute, request_id
from keyturn.service.telemetry.meters import Meters

log = logging.getLogger("keyturn.outbox")


class Relay:
    """Sends the outbox's messages. Any number of relays may share a PostgreSQL; one relay holds a message at a time.

    The first of the `lanes` also gets the kinds that no lane handles.
    `request_of`: returns the id of the request that a message comes from, or "", for the log.
    """

    def __init__(
        self,
        outbox: Outbox,
        lanes: Sequence[Lane],
        limits: RelayLimits,
        jitter: Callable[[], float] = random.random,
        *,
        request_of: Callable[[Message], str] = lambda _: "",
        meters: Meters | None = None,
    ) -> None:
        meters = meters or Meters()
        self._outbox = outbox
        self._lanes = lanes
        self._limits = limits
        self._request_of = request_of
        self._log = RelayLog(meters, request_of)
        self._attempts = Attempts(outbox, limits, jitter, meters, self._log)
        self._listener = Listener(outbox.database, outbox.wake)
        self._lines = OnceAMinute()
        self._room = asyncio.Event()
        self._leases = LeaseKeeper(outbox, min(limits.abandoned_after, limits.lease))

    async def run(self) -> None:
        """Work until cancelled. Then finish what is under way, since its mail may already be with the provider."""
        self._log.count_from_zero(kind for lane in self._lanes for kind in lane.handlers)
        async with self._renewed_leases():
            try:
                while True:
                    await self._take_or_rest()
            finally:
                await self._end()
                await self._listener.close()

    async def drain(self) -> int:
        """Work until no message is due, and return how many were handled: for batch jobs and tests."""
        handled = 0
        async with self._renewed_leases():
            while taken := [
                (lane, messages)
                for lane in self._lanes
                if (messages := await self._admit(lane, await self._claim(lane), timedelta(0)))
            ]:
                await asyncio.gather(*(task for lane, messages in taken for task in self._begin_all(lane, messages)))
                handled += sum(len(messages) for _, messages in taken)
        return handled

    async def _end(self) -> None:
        """Wait for messages that are being prepared or have a place, and put the queued ones back."""
        put_back: list[Message] = []
        while under_way := [task for lane in self._lanes for task in lane.under_way]:
            put_back += [message for lane in self._lanes for message in lane.turn_away()]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        put_back += [message for lane in self._lanes for message in lane.turn_away()]
        if put_back:
            with contextlib.suppress(DatabaseUnready):  # then their leases run out
                await self._outbox.put_back(put_back)

    async def close(self) -> None:
        """Close the handlers' resources."""
        for lane in self._lanes:
            if lane.close:
                await lane.close()

    @contextlib.asynccontextmanager
    async def _renewed_leases(self) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._leases.run())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _take_or_rest(self) -> None:
        await self._listener.ensure()
        self._outbox.waiting.clear()
        self._room = asyncio.Event()  # a new event: it belongs to the event loop that awaits it
        if any([await self._take(lane) for lane in self._lanes]):
            return
        # Not wait_for: until Python 3.12 it loses a cancellation that arrives as the event is set.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.poll.total_seconds()):
                await self._rest()
                await self._outbox.waiting.wait()

    async def _take(self, lane: Lane) -> bool:
        """Claim as many messages as the lane has room for; return whether more may be due."""
        if not lane.is_room:
            return False
        room = lane.free
        claimed = await self._claim_or_log(lane)
        self._begin_all(lane, await self._admit(lane, claimed))
        return len(claimed) == room

    async def _rest(self) -> None:
        """Rest until the next claim, or until a full lane has room again: more of its messages may be due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.rest.total_seconds()):
                await self._room.wait()

    async def _claim_or_log(self, lane: Lane) -> Sequence[Message]:
        try:
            return await self._claim(lane)
        except DatabaseUnready as error:
            if count := self._lines.count("unready"):
                log.warning(LogEvent("outbox.unready", reason=error, count=count))
        except Exception:  # a worker survives any error of a database
            log.exception(LogEvent("outbox.claim_failed"))
        return []

    async def _claim(self, lane: Lane) -> Sequence[Message]:
        first = lane is self._lanes[0]
        others = [kind for other in self._lanes[1:] for kind in other.handlers] if first else []
        return await self._outbox.claim(
            lane.free, self._leases.lease, only=() if first else lane.handlers, but=others, fresh=bool(lane.doubtful)
        )

    async def _admit(
        self, lane: Lane, claimed: Sequence[Message], pause: timedelta = timedelta(seconds=1)
    ) -> Sequence[Message]:
        """Return the messages that may start now, and leave the others for a claim after the pause."""
        admitted, left = lane.admit(claimed)
        if left:
            try:  # before any starts: it may kill this worker, and the others must not count as started
                await self._outbox.leave(left, pause, kept=admitted)
            except Exception:  # their leases run out, and the admitted messages start
                log.exception(LogEvent("outbox.claim_failed"))
        lane.doubtful.update(message.id for message in admitted if message.abandoned)
        return admitted

    def _begin_all(self, lane: Lane, messages: Sequence[Message]) -> "Sequence[asyncio.Task[None]]":
        """Start messages together that can be prepared together, and each of the others alone."""
        by_kind: dict[str, list[Message]] = {}
        alone: list[Message] = []
        for message in messages:
            (by_kind.setdefault(message.kind, []) if self._joins(lane, message) else alone).append(message)
        together = [self._begin(lane, self._work_together(lane, some), len(some)) for some in by_kind.values()]
        return [*together, *(self._begin(lane, self._work(lane, message)) for message in alone)]

    def _joins(self, lane: Lane, message: Message) -> bool:
        """Return whether this is the first try of a kind prepared together."""
        is_new = message.sealed is None and message.crashes == 1 <= self._limits.max_crashes
        return is_new and message.kind in lane.together

    def _begin(self, lane: Lane, work: Coroutine[Any, Any, None], count: int = 1) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        lane.under_way[task] = count

        def end(_: object) -> None:
            self._let_go(lane, task)
            del lane.under_way[task]

        task.add_done_callback(end)
        return task

    def _let_go(self, lane: Lane, task: asyncio.Task[None]) -> None:
        if lane.let_go(task):  # messages may be due that found no room
            self._room.set()
            self._outbox.wake()

    async def _work_together(self, lane: Lane, messages: Sequence[Message]) -> None:
        """Prepare messages together and end the dropped ones; each of the others continues alone."""
        task = asyncio.current_task()
        assert task is not None  # this runs in a task
        with self._leases.hold(messages):
            came_to = await lane.prepare_all(messages, self._limits.lease.total_seconds())
            prepared = list(zip(messages, came_to, strict=True))
            await self._drop_all([(message, came) for message, came in prepared if isinstance(came, Dropped)])
        self._let_go(lane, task)
        left = [(message, came) for message, came in prepared if not isinstance(came, Dropped)]
        going_on = [self._begin(lane, self._work(lane, *one)) for one in left]
        for ended in await asyncio.gather(*going_on, return_exceptions=True):
            if isinstance(ended, Exception):
                log.error(LogEvent("mail.failed"), exc_info=ended)

    async def _drop_all(self, dropped: Sequence[tuple[Message, Dropped]]) -> None:
        ends = await self._outbox.settlements.dropped_all([(message, one.reason) for message, one in dropped])
        settled: dict[str, list[Message]] = {}
        for (message, one), error in zip(dropped, ends, strict=True):
            if error is None:
                settled.setdefault(one.reason, []).append(message)
            else:
                self._log.unsettled(message, error)
        for reason, messages in settled.items():
            self._log.dropped(messages, reason)

    async def _work(self, lane: Lane, message: Message, prepared: Prepared | None = None) -> None:
        request_id.set(self._request_of(message))  # for this message alone: each runs in its own task
        with self._leases.hold([message]):
            try:
                await self._attempts.make(lane, message, prepared)
            finally:
                lane.doubtful.discard(message.id)


class LeaseKeeper:
    """Renews the leases of the held messages, three times within each `lease`.

    A killed worker therefore holds its messages no longer than a lease, however long a delivery may take.
    """

    def __init__(self, outbox: Outbox, lease: timedelta) -> None:
        self.lease = lease
        self._outbox = outbox
        self._held: dict[int, str] = {}

    @contextmanager
    def hold(self, messages: Sequence[Message]) -> Iterator[None]:
        """Renew the messages' leases while the block lasts and `run` is running."""
        self._held.update((message.id, message.claim) for message in messages)
        try:
            yield
        finally:
            for message in messages:
                if self._held.get(message.id) == message.claim:
                    del self._held[message.id]

    async def run(self) -> None:
        """Renew until cancelled. A lease that cannot be renewed runs out, as if the worker had died."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                if self._held:
                    await self._outbox.renew(self._held, self.lease)
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
