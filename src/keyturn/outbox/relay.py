"""claim -> handle -> settle: works the outbox off, oldest first, a bounded number at a time."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import assert_never

import msgspec

from keyturn.database import now
from keyturn.errors import AccountsUnready, DatabaseUnready, QuotaExhausted, SendRefused, SendRetryable
from keyturn.outbox.backoff import LONGEST_OF_OURS, backoff
from keyturn.outbox.lane import Lane
from keyturn.outbox.lease_keeper import LeaseKeeper
from keyturn.outbox.listening import Listener
from keyturn.outbox.message import Dropped, Message, Origin, Sent, Settlement
from keyturn.outbox.queue import LeaseLost, Outbox
from keyturn.telemetry.logs import LogEvent, request_id
from keyturn.telemetry.telemetry import Telemetry

log = logging.getLogger("keyturn.outbox")


class RelayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds what a relay does at a time.

    A delivery that outlasts `lease` is broken off; `poll` bounds how late another process's message is seen.

    What a worker held that was killed is claimed again after `abandoned_after`.
    `max_attempts` tries, ten minutes apart at most, end before the 24 hours for which Resend remembers a key.
    `max_crashes` is how often a message may end in a way that nobody foresaw, some ten minutes of tries.
    """

    poll: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(seconds=60)
    abandoned_after: timedelta = timedelta(seconds=15)
    max_attempts: int = 140
    max_crashes: int = 30


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
        self._settlements = outbox.settlements
        self._lanes = lanes
        self._limits = limits
        self._jitter = jitter
        self._origin = origin
        self._meters = telemetry.meters
        self._tracing = telemetry.tracing
        self._listener = Listener(outbox.database, outbox.wake)
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
            while taken := [(lane, message) for lane in self._lanes for message in await self._claim(lane)]:
                await asyncio.gather(*(self._work(lane, message) for lane, message in taken))
                handled += len(taken)
        return handled

    async def _end(self) -> None:
        """Wait for what is being prepared or has a place, and put back what has none yet."""
        put_back: list[Message] = []
        while under_way := [task for lane in self._lanes for task in lane.under_way]:
            put_back += [message for lane in self._lanes for message in lane.turn_away()]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
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
        begun = 0
        for lane in self._lanes:
            for message in await self._claim_or_log(lane):
                self._begin(lane, message)
                begun += 1
        if not begun:
            # Not wait_for: until Python 3.12 it loses a cancellation that comes as the event is set.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.poll.total_seconds()):
                    await self._outbox.waiting.wait()

    async def _claim_or_log(self, lane: Lane) -> Sequence[Message]:
        try:
            return await self._claim(lane)
        except DatabaseUnready as error:
            log.warning(LogEvent("outbox.unready", reason=error))
        except Exception:  # whatever a database answers, a worker outlives it
            log.exception(LogEvent("outbox.claim_failed"))
        return []

    async def _claim(self, lane: Lane) -> Sequence[Message]:
        free = lane.ahead - len(lane.under_way)
        if not free:
            return []
        if lane is not self._lanes[0]:
            return await self._outbox.claim(free, self._leases.lease, only=lane.handlers)
        others = [kind for other in self._lanes[1:] for kind in other.handlers]
        return await self._outbox.claim(free, self._leases.lease, but=others)

    def _begin(self, lane: Lane, message: Message) -> None:
        task = asyncio.create_task(self._work(lane, message))
        lane.under_way.add(task)

        def end(_: object) -> None:
            if len(lane.under_way) == lane.ahead:
                self._outbox.wake()  # there may be more, which found no place
            lane.under_way.discard(task)

        task.add_done_callback(end)

    async def _work(self, lane: Lane, message: Message) -> None:
        origin = self._origin(message)
        request_id.set(origin.request_id)  # for this message alone: each is worked in a task of its own
        about = {"messaging.message.id": str(message.id), "keyturn.kind": message.kind}
        with self._tracing.resume_span(origin.traceparent, "outbox.deliver", about):
            self._tracing.mark("keyturn.request_id", origin.request_id)
            with self._leases.hold(message):
                await self._attempt_while_held(lane, message)

    async def _attempt_while_held(self, lane: Lane, message: Message) -> None:
        try:
            await self._attempt(lane, message)
        except LeaseLost:
            log.warning(LogEvent("mail.lease_lost", message_id=message.id))
        except DatabaseUnready as error:
            # Nothing can be written down now: the lease ends by itself, and the message is claimed again.
            log.warning(LogEvent("mail.unsettled", message_id=message.id, reason=error))

    async def _attempt(self, lane: Lane, message: Message) -> None:
        if message.crashes > self._limits.max_crashes:
            # Each of those claims ran out without a word: the message may be what ended its workers.
            await self._give_up(message, "no try came to an end")
            return
        try:
            await self._settle(message, await self._handle(lane, message))
        except (LeaseLost, DatabaseUnready):
            raise
        except QuotaExhausted as error:
            await self._settlements.defer(message, error.until, error.reason)
            self._log_outcome(logging.ERROR, message, "parked", until=error.until, reason=error.reason)
        except SendRefused as error:
            await self._give_up(message, error.reason)
        except SendRetryable as error:
            await self._try_later(message, error)
        except AccountsUnready:
            # Nothing is wrong with the message: it waits for the app's database as it would for a provider.
            await self._try_later(message, SendRetryable("accounts unready"))
        except TimeoutError:
            await self._try_after_crash(message, "it took longer than its lease")
        except Exception as error:
            log.exception(LogEvent("mail.failed", message_id=message.id))
            await self._try_after_crash(message, type(error).__name__)

    async def _handle(self, lane: Lane, message: Message) -> Settlement:
        longest = self._limits.lease.total_seconds()
        async with asyncio.timeout(longest):
            prepared = await lane.prepare(message)
        if isinstance(prepared, Settlement):
            return prepared
        async with lane.place(message), asyncio.timeout(longest):
            return await prepared()

    async def _settle(self, message: Message, settlement: Settlement) -> None:
        match settlement:
            case Sent():
                latency = max((now() - message.created_at).total_seconds(), 0)
                await self._settlements.sent(message, settlement)
                self._meters.delivery(message.kind, latency)
                self._log_outcome(
                    logging.INFO, message, "sent", transport=settlement.sender, latency_ms=round(latency * 1000)
                )
            case Dropped(reason):
                await self._settlements.dropped(message, reason)
                self._log_outcome(logging.INFO, message, "dropped", reason=reason)
            case _:
                assert_never(settlement)

    async def _try_later(self, message: Message, error: SendRetryable) -> None:
        if message.attempts >= self._limits.max_attempts:
            await self._give_up(message, error.reason)
            return
        pause = max(backoff(message.attempts, self._jitter()), timedelta(seconds=error.retry_after or 0))
        await self._settlements.postpone(message, self._outbox.database.clock(pause), error.reason)
        self._log_outcome(
            logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=error.reason
        )

    async def _try_after_crash(self, message: Message, reason: str) -> None:
        if message.crashes >= self._limits.max_crashes:
            await self._give_up(message, reason)
            return
        pause = backoff(message.crashes, self._jitter(), longest=LONGEST_OF_OURS)
        await self._settlements.postpone_after_crash(message, self._outbox.database.clock(pause), reason)
        self._log_outcome(logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=reason)

    async def _give_up(self, message: Message, reason: str) -> None:
        await self._settlements.dead(message, reason)
        self._log_outcome(logging.ERROR, message, "dead", reason=reason)

    def _log_outcome(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self._meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        log.log(level, LogEvent(f"mail.{outcome}", **about, **fields))
