"""The worker: claims messages that are due, oldest first, tries them and settles them, a bounded
number at a time.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any, NamedTuple, TypeVar

import msgspec

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.service.clock import now
from keyturn.service.outbox.message import (
    OUTCOMES,
    TO_THE_APP,
    Dead,
    Delivery,
    Dropped,
    Message,
    Sent,
    Settlement,
)
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute, request_id
from keyturn.service.telemetry.meters import Meters

_Result = TypeVar("_Result")

log = logging.getLogger("keyturn.outbox")


class WorkerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a worker.

    `poll`: the longest time until it sees a message of another process. `rest`: pause after a claim
    of less than a queue takes. `longest`: a try that takes longer is cancelled, unless its queue
    waits longer for a provider's answer; at a stop, every try ends within that time. `slow`: a try
    that takes longer gives its place to another message, and at most `most_slow` tries do. `lease`:
    of a claim. `max_attempts`: tries, at most ten minutes apart, within the 24 hours for which
    Resend remembers a key. `max_crashes`: how often a try may end unexpectedly, in about ten
    minutes. `jitter`: returns a number in [0, 1) (`backoff`).
    """

    poll: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(milliseconds=50)
    longest: timedelta = timedelta(seconds=60)
    slow: timedelta = timedelta(seconds=30)
    most_slow: int = 32
    lease: timedelta = timedelta(seconds=15)
    max_attempts: int = 140
    max_crashes: int = 30
    jitter: Callable[[], float] = random.random


FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=10)

LONGEST_OF_OURS = timedelta(seconds=30)
"""The longest pause after a fault of our own.

A restart or a deploy fixes it, and mails should leave soon after.
"""


def backoff(attempt: int, jitter: float, *, longest: timedelta = LONGEST) -> timedelta:
    """Return the pause after try number `attempt`, from 1: doubled each time, up to `longest`.

    `jitter`, in [0, 1), spreads its upper half, so that messages that failed together do not retry
    together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    doubled: int = 2 ** min(attempt - 1, 30)
    ceiling = min(FIRST * doubled, longest)
    return ceiling / 2 + ceiling / 2 * jitter


Handler = Callable[[Message], Awaitable[Settlement]]
"""Handles a message to its end, as a `Delivery` does."""

Work = Settlement | Exception | Delivery
"""The end of a message, why it cannot be handled, or the delivery that is left to do."""

Prepare = Callable[[Sequence[Message]], Awaitable[Sequence[Work]]]
"""Prepares all messages of a claim in one transaction."""


TryResult = Settlement | Exception | None
"""What a try came to; None: it was not begun."""


class _Endless(Exception):
    """A try that was cancelled, since it had no end in its time."""

    def __init__(self, longest: float) -> None:
        super().__init__(f"no end within {longest:g} s")


_TOGETHER = 100
"""Messages that are claimed to be prepared together:
most of them get no mail, and need no place.
"""


class WorkerQueue(NamedTuple):
    """Messages of some kinds, and how many are delivered at a time: however many wait, other queues
    are not delayed.

    `prepare`: prepares the messages of a claim, which are then more than places. `abandoned`: those
    of a dead worker.
    `last_answer`: how much longer than `WorkerLimits.longest` a try may take, for the provider's
    last answer.
    """

    handlers: Mapping[str, Handler]
    places: int
    close: Callable[[], Awaitable[None]] | None = None
    prepare: Prepare | None = None
    abandoned: bool = False
    last_answer: timedelta = timedelta(0)

    @property
    def batch(self) -> int:
        return _TOGETHER if self.prepare else self.places


@dataclass(eq=False)
class Worker:
    """Sends the outbox's messages.

    Any number of workers may share a PostgreSQL; one worker holds a message at a time.

    A message that a dead worker held may kill this one, too. Such are tried one at a time, so that
    one is given up alone. `request_of`: returns the id of the request that a message comes from, or
    "", for the log.
    """

    outbox: Outbox
    queues: Sequence[WorkerQueue]
    limits: WorkerLimits
    _: KW_ONLY
    request_of: Callable[[Message], str] = lambda _: ""
    meters: Meters = field(default_factory=Meters)

    def __post_init__(self) -> None:
        self._handlers = {
            kind: handler for queue in self.queues for kind, handler in queue.handlers.items()
        }
        last_answer = max((queue.last_answer for queue in self.queues), default=timedelta(0))
        self._queues = (
            *self.queues,
            WorkerQueue(self._handlers, 1, abandoned=True, last_answer=last_answer),
        )
        self._lines = OnceAMinute()
        self._held: set[Message] = set()
        self._slow: set[Message] = set()
        self._limits_of_tries: set[asyncio.Timeout] = set()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled.

        Then finish what is under way, since its mail may already be with the provider.
        """
        for kind, outcome in product(self._handlers, OUTCOMES):
            self.meters.message(
                kind, outcome, count=0
            )  # `increase()` does not see a series whose first count is 1
        self._stopped = asyncio.Event()  # it belongs to the event loop that awaits it
        work = asyncio.create_task(self._run())
        try:
            await asyncio.shield(work)
        finally:
            self._stopped.set()
            self._limit_stop()
            self.outbox.wake()
            await work

    def _limit_stop(self) -> None:
        """Let what is under way end within `longest`.

        A mail that has no answer by then is sent again later.
        """
        latest = asyncio.get_running_loop().time() + self.limits.longest.total_seconds()
        for limit in self._limits_of_tries:
            if (limit.when() or 0) > latest:
                limit.reschedule(latest)

    async def _run(self) -> None:
        async with self._holding() as tries, asyncio.TaskGroup() as loops:
            loops.create_task(self._poll())
            for queue in self._queues:
                loops.create_task(self._repeat(queue, tries))

    async def _poll(self) -> None:
        """Wake the queues while a message is due.

        It writes nothing: on SQLite a claim delays what the API writes.
        """
        while not self._stopped.is_set():
            if await self._survive(self.outbox.is_any_due(), "outbox.poll_failed"):
                self.outbox.wake()
            await _wait(self._stopped, self.limits.poll)

    async def drain(self) -> int:
        """Work until no message is due, and return how many were handled:
        for batch jobs and tests.
        """
        handled = 0
        while claimed := sum([await self._drain(queue) for queue in self._queues]):
            handled += claimed
        return handled

    async def _drain(self, queue: WorkerQueue) -> int:
        async with self._holding() as tries:
            return await self._work(queue, asyncio.Semaphore(queue.places), tries)

    async def close(self) -> None:
        """Close the handlers' resources."""
        for queue in self._queues:
            if queue.close:
                await queue.close()

    async def _repeat(self, queue: WorkerQueue, tries: asyncio.TaskGroup) -> None:
        """Work again and again; wait to be woken if less was claimed than a queue takes."""
        places = asyncio.Semaphore(queue.places)
        while not self._stopped.is_set():
            woken = self.outbox.woken
            if (claimed := await self._work(queue, places, tries)) < queue.batch:
                if claimed:
                    await _wait(self._stopped, self.limits.rest)
                await woken.wait()

    async def _work(
        self, queue: WorkerQueue, places: asyncio.Semaphore, tries: asyncio.TaskGroup
    ) -> int:
        """Claim messages of a queue, and begin each once there is a place for it; return how many
        were claimed.
        """
        claim = self.outbox.claim(
            queue.batch, self.limits.lease, only=queue.handlers, abandoned=queue.abandoned
        )
        messages = await self._survive(claim, "outbox.claim_failed") or []
        self._held.update(messages)
        for message, work in zip(messages, await self._prepare(queue, messages), strict=True):
            await places.acquire()
            begun = tries.create_task(self._try(queue, places, message, work))
            if queue.abandoned:
                await asyncio.wait([begun], timeout=self.limits.slow.total_seconds())
        return len(messages)

    async def _survive(
        self, work: Awaitable[_Result], failed: str, **fields: object
    ) -> _Result | None:
        """Return the result of a statement; None after an error of the database, of which a worker
        survives any.
        """
        try:
            return await work
        except DatabaseUnready as error:
            if count := self._lines.count("unready"):
                log.warning(LogEvent("outbox.unready", reason=error, count=count))
        except Exception:
            log.exception(LogEvent(failed, **fields))
        return None

    async def _prepare(self, queue: WorkerQueue, messages: Sequence[Message]) -> Sequence[Work]:
        """Return what is left to do.

        If messages cannot be prepared together, each is handled in a place of its own.
        """
        each = [partial(queue.handlers[message.kind], message) for message in messages]
        if self._stopped.is_set() or not (queue.prepare and messages):
            return each
        # `gather` reports also that the handler was cancelled from within, as by a library of an
        # app's store.
        (prepared,) = await asyncio.gather(queue.prepare(messages), return_exceptions=True)
        if isinstance(prepared, DatabaseUnready):
            return [prepared] * len(messages)
        return each if isinstance(prepared, BaseException) else prepared

    async def _try(
        self, queue: WorkerQueue, places: asyncio.Semaphore, message: Message, work: Work
    ) -> None:
        try:
            outcome = await self._outcome_of(queue, places, message, work)
            await self._survive(self._end(message, outcome), "mail.failed", message_id=message.id)
        finally:
            self._held.discard(message)

    async def _outcome_of(
        self, queue: WorkerQueue, places: asyncio.Semaphore, message: Message, work: Work
    ) -> TryResult:
        longest = (self.limits.longest + queue.last_answer).total_seconds()
        limit = asyncio.timeout(longest)
        loop = asyncio.get_running_loop()
        slow = loop.call_later(self.limits.slow.total_seconds(), self._make_room, places, message)
        try:
            request_id.set(
                self.request_of(message)
            )  # for this message alone: each has its own task
            if isinstance(work, Settlement | Exception):
                return work
            if self._stopped.is_set():
                return None
            if message.crashes > self.limits.max_crashes:
                return SendRefused("every attempt was interrupted")
            async with limit:
                self._limits_of_tries.add(limit)
                return await work()
        except Exception as error:  # noqa: BLE001 - `_end` tells them apart
            if not (isinstance(error, TimeoutError) and limit.expired()):
                return error
            if self._stopped.is_set():
                # The provider may have the mail, and its report of that may need a while.
                return SendRetryable("no answer before its worker stopped", LONGEST.total_seconds())
            return _Endless(longest)
        finally:
            self._limits_of_tries.discard(limit)
            slow.cancel()
            if message in self._slow:
                self._slow.discard(message)
            else:
                places.release()

    def _make_room(self, places: asyncio.Semaphore, message: Message) -> None:
        """Give the place of a slow try to another message, so that a slow mail server does not hold
        back all mails.
        """
        if len(self._slow) < self.limits.most_slow:
            self._slow.add(message)
            places.release()

    async def _end(self, message: Message, outcome: TryResult) -> None:
        """Write what a try came to: a crash if its error was not foreseen.

        If that fails, the lease runs out.
        """
        match outcome:
            case None:
                at_once, reason = self.outbox.database.clock(), "its worker was stopped"
                # Its mail may be sealed for a provider by now, which was not asked.
                crashes, sender = message.crashes - 1, message.sender
                await self.outbox.postpone(message, at_once, reason, crashes=crashes, sender=sender)
            case Sent() | Dropped():
                await self._settle(message, outcome)
            case DatabaseUnready():
                raise outcome
            case LeaseLost():
                log.warning(LogEvent("mail.lease_lost", message_id=message.id))
            case SendRefused(reason=reason):
                await self._settle(message, Dead(reason))
            case QuotaExhausted(until=until, reason=reason):
                await self.outbox.postpone(message, until, reason, event="parked", crashes=0)
                self._log(logging.ERROR, message, "parked", until=until, reason=reason)
            case SendRetryable(reason=reason, retry_after=asked):
                await self._retry(message, reason, least=asked or 0)
            # the message is fine: it waits for the app's database as it would for a provider
            case AccountsUnready():
                await self._retry(message, "accounts unready")
            case _Endless():
                await self._retry(message, str(outcome), is_crash=True)
            case _:
                log.error(LogEvent("mail.failed", message_id=message.id), exc_info=outcome)
                await self._retry(message, type(outcome).__name__, is_crash=True)

    async def _retry(
        self, message: Message, reason: str, *, least: float = 0, is_crash: bool = False
    ) -> None:
        tries, most, longest = message.attempts, self.limits.max_attempts, LONGEST
        counts: dict[str, Any] = {"attempts": message.attempts, "crashes": 0}
        if is_crash:
            tries, most, longest, counts = (
                message.crashes,
                self.limits.max_crashes,
                LONGEST_OF_OURS,
                {},
            )
        if tries >= most:
            await self._settle(message, Dead(reason))
            return
        pause = max(backoff(tries, self.limits.jitter(), longest=longest), timedelta(seconds=least))
        await self.outbox.postpone(message, self.outbox.database.clock(pause), reason, **counts)
        self._log(
            logging.WARNING,
            message,
            "retried",
            pause_s=round(pause.total_seconds(), 1),
            reason=reason,
        )

    async def _settle(self, message: Message, end: Sent | Dropped | Dead) -> None:
        await self.outbox.end(message, end)
        if isinstance(end, Sent):
            latency = max((now() - message.created_at).total_seconds(), 0)
            self.meters.delivery(message.kind, latency)
            self._log(
                logging.INFO,
                message,
                "sent",
                transport=end.sender,
                latency_ms=round(latency * 1000),
            )
        else:
            level = logging.ERROR if isinstance(end, Dead) else logging.INFO
            self._log(level, message, end.state, reason=end.reason)

    def _log(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self.meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        noun = "event" if message.kind.startswith(TO_THE_APP) else "mail"
        log.log(level, LogEvent(f"{noun}.{outcome}", **about, **fields))

    @contextlib.asynccontextmanager
    async def _holding(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Yield a group for tries, and wait for them.

        Each lease is renewed three times within its time meanwhile.
        """
        async with asyncio.TaskGroup() as renewing:
            renewal = renewing.create_task(self._renew_leases())
            async with asyncio.TaskGroup() as tries:
                yield tries
            renewal.cancel()

    async def _renew_leases(self) -> None:
        """Renew until cancelled.

        A lease that cannot be renewed runs out, as if the worker had died.
        """
        while True:
            await asyncio.sleep(self.limits.lease.total_seconds() / 3)
            if self._held:
                await self._survive(
                    self.outbox.renew(self._held, self.limits.lease), "outbox.renewal_failed"
                )


async def _wait(event: asyncio.Event, longest: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        # Not wait_for: until Python 3.12 it loses a cancellation that arrives as the event is set.
        async with asyncio.timeout(longest.total_seconds()):
            await event.wait()
