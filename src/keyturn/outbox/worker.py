"""claim -> try -> settle: works the outbox off, what is due longest first, a bounded number at a time."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from keyturn.outbox.attempts import Attempts, Prepared, RelayLimits, RelayLog
from keyturn.outbox.lane import Lane
from keyturn.outbox.message import Dropped, Message, Origin
from keyturn.outbox.queue import Listener, Outbox
from keyturn.problems.requests import DatabaseUnready, WorkerDown
from keyturn.telemetry.logs import LogEvent, request_id
from keyturn.telemetry.meters import Telemetry

log = logging.getLogger("keyturn.outbox")


class Relay:
    """Works the outbox off. Any number of them may share a PostgreSQL; a message is in one hand at a time.

    The first of the `lanes` also gets the kinds that no lane knows.
    """

    def __init__(
        self,
        outbox: Outbox,
        lanes: Sequence[Lane],
        limits: RelayLimits,
        jitter: Callable[[], float] = random.random,
        *,
        origin: Callable[[Message], Origin] = lambda _: Origin(),
        telemetry: Telemetry | None = None,
    ) -> None:
        telemetry = telemetry or Telemetry()
        self._outbox = outbox
        self._lanes = lanes
        self._limits = limits
        self._origin = origin
        self._log = RelayLog(telemetry.meters, origin)
        self._attempts = Attempts(outbox, limits, jitter, telemetry.meters, self._log)
        self._tracing = telemetry.tracing
        self._listener = Listener(outbox.database, outbox.wake)
        self._room = asyncio.Event()
        self._leases = LeaseKeeper(outbox, min(limits.abandoned_after, limits.lease))

    async def run(self) -> None:
        """Work until cancelled; then let what is under way end, since its mail may already be with the provider."""
        async with self._renewed_leases():
            try:
                while True:
                    await self._take_or_rest()
            finally:
                await self._end()
                await self._listener.close()

    async def drain(self) -> int:
        """Work until nothing is due, and return how many messages were handled: for a batch job, and for tests."""
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
        """Wait for what is being prepared or has a place, and put back what has none yet."""
        put_back: list[Message] = []
        while under_way := [task for lane in self._lanes for task in lane.under_way]:
            put_back += [message for lane in self._lanes for message in lane.turn_away()]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        put_back += [message for lane in self._lanes for message in lane.turn_away()]
        if put_back:
            with contextlib.suppress(DatabaseUnready):  # then their leases end by themselves
                await self._outbox.put_back(put_back)

    async def close(self) -> None:
        """Close what the handlers hold open."""
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
        self._room = asyncio.Event()  # a new one: it belongs to the event loop that it is waited for in
        if any([await self._take(lane) for lane in self._lanes]):
            return
        # Not wait_for: until Python 3.12 it loses a cancellation that comes as the event is set.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.poll.total_seconds()):
                await self._rest()
                await self._outbox.waiting.wait()

    async def _take(self, lane: Lane) -> bool:
        """Begin what the lane has room for, and tell whether more than that may be due."""
        if not lane.is_room:
            return False
        room = lane.free
        claimed = await self._claim_or_log(lane)
        self._begin_all(lane, await self._admit(lane, claimed))
        return len(claimed) == room

    async def _rest(self) -> None:
        """Rest until the next claim, or until a lane has room again: messages may be due that it had none for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.rest.total_seconds()):
                await self._room.wait()

    async def _claim_or_log(self, lane: Lane) -> Sequence[Message]:
        try:
            return await self._claim(lane)
        except DatabaseUnready as error:
            log.warning(LogEvent("outbox.unready", reason=error))
        except Exception:  # whatever a database answers, a worker outlives it
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
        """Return those that may be begun, and leave the others to whoever claims after the pause."""
        admitted, left = lane.admit(claimed)
        if left:
            try:  # before any is begun: it may end this worker, and the others must not be counted as begun
                await self._outbox.leave(left, pause, kept=admitted)
            except Exception:  # their leases end by themselves, and the others are begun
                log.exception(LogEvent("outbox.claim_failed"))
        lane.doubtful.update(message.id for message in admitted if message.abandoned)
        return admitted

    def _begin_all(self, lane: Lane, messages: Sequence[Message]) -> "Sequence[asyncio.Task[None]]":
        """Begin those together that can be prepared together, and each of the others by itself."""
        by_kind: dict[str, list[Message]] = {}
        alone: list[Message] = []
        for message in messages:
            (by_kind.setdefault(message.kind, []) if self._joins(lane, message) else alone).append(message)
        together = [self._begin(lane, self._work_together(lane, some), len(some)) for some in by_kind.values()]
        return [*together, *(self._begin(lane, self._work(lane, message)) for message in alone)]

    def _joins(self, lane: Lane, message: Message) -> bool:
        """Tell whether it is the first try of such a kind. Where spans are kept, each message has one of its own."""
        is_new = message.sealed is None and message.crashes == 1 <= self._limits.max_crashes
        return is_new and message.kind in lane.together and not self._tracing.keeps_spans

    def _begin(self, lane: Lane, work: Coroutine[Any, Any, None], count: int = 1) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        lane.under_way[task] = count

        def end(_: object) -> None:
            self._let_go(lane, task)
            del lane.under_way[task]

        task.add_done_callback(end)
        return task

    def _let_go(self, lane: Lane, task: asyncio.Task[None]) -> None:
        if lane.let_go(task):  # there may be more, which found no room
            self._room.set()
            self._outbox.wake()

    async def _work_together(self, lane: Lane, messages: Sequence[Message]) -> None:
        """Prepare messages in one go, and end those that come to nothing; each of the others goes on by itself."""
        task = asyncio.current_task()
        assert task is not None  # this is one
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
        origin = self._origin(message)
        request_id.set(origin.request_id)  # for this message alone: each is worked in a task of its own
        about = {"messaging.message.id": str(message.id), "keyturn.kind": message.kind}
        with self._tracing.resume_span(origin.traceparent, "outbox.deliver", about):
            self._tracing.mark("keyturn.request_id", origin.request_id)
            with self._leases.hold([message]):
                try:
                    await self._attempts.make(lane, message, prepared)
                finally:
                    lane.doubtful.discard(message.id)


class LeaseKeeper:
    """Renews the leases of the messages that are held, three times within each `lease`.

    A worker that is killed holds what it had for no longer than that, however long a delivery may take.
    """

    def __init__(self, outbox: Outbox, lease: timedelta) -> None:
        self.lease = lease
        self._outbox = outbox
        self._held: dict[int, str] = {}

    @contextmanager
    def hold(self, messages: Sequence[Message]) -> Iterator[None]:
        """Keep the messages in these hands while the block lasts, if somebody runs `run`."""
        self._held.update((message.id, message.claim) for message in messages)
        try:
            yield
        finally:
            for message in messages:
                if self._held.get(message.id) == message.claim:
                    del self._held[message.id]

    async def run(self) -> None:
        """Renew until cancelled. One that cannot be renewed ends, as if the worker had died."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                if self._held:
                    await self._outbox.renew(self._held, self.lease)
            except DatabaseUnready as error:
                log.warning(LogEvent("outbox.unready", reason=error))
            except Exception:  # whatever a database answers, a worker outlives it
                log.exception(LogEvent("outbox.renewal_failed"))


class WorkerLiveness:
    """`is_down` from the end of a worker that should be running until another one works."""

    is_down = False

    def require(self) -> None:
        """Raise WorkerDown: requests are accepted and kept, but no mail leaves here."""
        if self.is_down:
            raise WorkerDown("the worker has ended, and is started again")
