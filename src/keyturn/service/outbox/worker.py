"""The worker: claims the messages that are due, tries them and settles them, a few at a time."""

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

    `poll`: the longest time until it sees a message of another process.
    `rest`: the pause after a claim of fewer messages than a queue takes.
    `longest`: a try that takes longer is cancelled, unless its queue waits longer for a provider's
    last answer. When the worker stops, every try ends within that time.
    `slow`: a try that takes longer gives its place to another message.
    `most_slow`: how many tries may do so at a time.
    `lease`: how long a claim lasts.
    `max_attempts`: how many tries a message gets. They are at most ten minutes apart, so they end
    within the 24 hours for which Resend remembers a key.
    `max_crashes`: how many tries may end unexpectedly. They take about ten minutes.
    `jitter`: returns a number in [0, 1), for `backoff`.
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
"""The longest pause after a fault of Keyturn's own.

A restart or a deployment fixes it, and mails should be sent soon after.
"""


def backoff(attempt: int, jitter: float, *, longest: timedelta = LONGEST) -> timedelta:
    """Return the pause after try number `attempt`, counted from 1.

    The pause doubles with each try, up to `longest`. `jitter`, in [0, 1), varies its upper half, so
    that messages that failed together are not retried together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    doubled: int = 2 ** min(attempt - 1, 30)
    ceiling = min(FIRST * doubled, longest)
    return ceiling / 2 + ceiling / 2 * jitter


Handler = Callable[[Message], Awaitable[Settlement]]
"""Handles a message to its end. Raises the errors of a `Delivery`."""

Work = Settlement | Exception | Delivery
"""The end of a message, the reason why it cannot be handled, or its remaining delivery."""

Prepare = Callable[[Sequence[Message]], Awaitable[Sequence[Work]]]
"""Prepares all messages of a claim together, and returns the work for each, in the same order."""


TryResult = Settlement | Exception | None
"""The result of a try. None: the worker stopped before it began."""


class _Endless(Exception):
    """A try that was cancelled after `longest` seconds."""

    def __init__(self, longest: float) -> None:
        super().__init__(f"no end within {longest:g} s")


_TOGETHER = 100
"""Messages of one claim that are prepared together. Most lead to no mail, and need no place."""


class WorkerQueue(NamedTuple):
    """Messages of some kinds, which are claimed and delivered apart from other queues.

    However many of them wait, other queues are not delayed.

    `handlers`: the handler of each kind.
    `places`: how many messages are delivered at a time.
    `close`: closes what the handlers use.
    `prepare`: prepares the messages of a claim together. A claim is then larger than `places`.
    `abandoned`: the queue takes the messages of dead workers.
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

    Any number of workers may share a PostgreSQL database; one worker at a time holds a message.

    The messages that a dead worker held are tried one at a time. One of them may have killed it,
    and would otherwise count crashes against the others.

    `request_of`: returns the id of the request behind a message, for the log, or "".
    """

    outbox: Outbox
    queues: Sequence[WorkerQueue]
    limits: WorkerLimits
    _: KW_ONLY
    request_of: Callable[[Message], str] = lambda _: ""
    meters: Meters = field(default_factory=Meters)

    def __post_init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        last_answer = timedelta(0)
        for queue in self.queues:
            self._handlers.update(queue.handlers)
            last_answer = max(last_answer, queue.last_answer)
        of_dead_workers = WorkerQueue(self._handlers, 1, abandoned=True, last_answer=last_answer)
        self._queues = (*self.queues, of_dead_workers)
        self._lines = OnceAMinute()
        self._held: set[Message] = set()
        self._slow: set[Message] = set()
        self._deadlines: set[asyncio.Timeout] = set()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled.

        Tries that have begun are then finished: the provider may already have the mail.
        """
        for kind, outcome in product(self._handlers, OUTCOMES):
            # `increase()` does not see the first count of a series that begins at 1.
            self.meters.message(kind, outcome, count=0)
        self._stopped = asyncio.Event()  # it belongs to the event loop that awaits it
        work = asyncio.create_task(self._run())
        try:
            await asyncio.shield(work)
        finally:
            self._stopped.set()
            self._shorten_deadlines()
            self.outbox.wake()
            await work

    def _shorten_deadlines(self) -> None:
        """Let the tries that have begun end within `longest`.

        A mail without an answer by then is tried again later, under the same key.
        """
        latest = asyncio.get_running_loop().time() + self.limits.longest.total_seconds()
        for deadline in self._deadlines:
            if (deadline.when() or 0) > latest:
                deadline.reschedule(latest)

    async def _run(self) -> None:
        async with self._holding() as tries, asyncio.TaskGroup() as loops:
            loops.create_task(self._poll())
            for queue in self._queues:
                loops.create_task(self._repeat(queue, tries))

    async def _poll(self) -> None:
        """Wake the queues while a message is due.

        It only reads: on SQLite, a claim delays the API's writes.
        """
        while not self._stopped.is_set():
            if await self._survive(self.outbox.is_any_due(), "outbox.poll_failed"):
                self.outbox.wake()
            await _wait(self._stopped, self.limits.poll)

    async def drain(self) -> int:
        """Work until no message is due, and return how many were handled.

        It is for batch jobs and tests.
        """
        handled = 0
        while True:
            claimed = 0
            for queue in self._queues:
                claimed += await self._drain(queue)
            if not claimed:
                return handled
            handled += claimed

    async def _drain(self, queue: WorkerQueue) -> int:
        async with self._holding() as tries:
            return await self._work(queue, asyncio.Semaphore(queue.places), tries)

    async def close(self) -> None:
        """Close the handlers' resources."""
        for queue in self._queues:
            if queue.close:
                await queue.close()

    async def _repeat(self, queue: WorkerQueue, tries: asyncio.TaskGroup) -> None:
        """Work again and again. Wait to be woken after a claim of less than the queue takes."""
        places = asyncio.Semaphore(queue.places)
        while not self._stopped.is_set():
            # Taken before the claim: a message that is committed during it wakes the queue as well.
            woken = self.outbox.woken
            claimed = await self._work(queue, places, tries)
            if claimed < queue.batch:
                if claimed:
                    await _wait(self._stopped, self.limits.rest)
                await woken.wait()

    async def _work(
        self, queue: WorkerQueue, places: asyncio.Semaphore, tries: asyncio.TaskGroup
    ) -> int:
        """Claim messages of a queue, and return how many were claimed.

        Each try begins once there is a place for it.
        """
        claim = self.outbox.claim(
            queue.batch, self.limits.lease, only=queue.handlers, abandoned=queue.abandoned
        )
        messages = await self._survive(claim, "outbox.claim_failed") or []
        self._held.update(messages)
        prepared = await self._prepare(queue, messages)
        for message, work in zip(messages, prepared, strict=True):
            await places.acquire()
            begun = tries.create_task(self._try(queue, places, message, work))
            if queue.abandoned:
                await asyncio.wait([begun], timeout=self.limits.slow.total_seconds())
        return len(messages)

    async def _survive(
        self, work: Awaitable[_Result], failed: str, **fields: object
    ) -> _Result | None:
        """Return the result of `work`; None if it fails, since a worker survives every error.

        `failed`: the event to log for an unexpected error.
        """
        try:
            return await work
        except DatabaseUnready as error:
            count = self._lines.count("unready")
            if count:
                log.warning(LogEvent("outbox.unready", reason=error, count=count))
        except Exception:
            log.exception(LogEvent(failed, **fields))
        return None

    async def _prepare(self, queue: WorkerQueue, messages: Sequence[Message]) -> Sequence[Work]:
        """Return the remaining work for each message.

        If the messages cannot be prepared together, each is handled alone, in a place of its own.
        """
        alone = [partial(queue.handlers[message.kind], message) for message in messages]
        if self._stopped.is_set() or queue.prepare is None or not messages:
            return alone
        # `gather` returns a cancellation that comes from within, such as from a library of an app's
        # store. A plain await would cancel the worker.
        (prepared,) = await asyncio.gather(queue.prepare(messages), return_exceptions=True)
        if isinstance(prepared, DatabaseUnready):
            return [prepared] * len(messages)
        if isinstance(prepared, BaseException):
            # A store that is away is no fault here, and each message says so by its own try.
            count = 0
            if not isinstance(prepared, AccountsUnready):
                count = self._lines.count("prepare_failed")
            if count:
                event = LogEvent("outbox.prepare_failed", count=count)
                log.error(event, exc_info=prepared)
            return alone
        return prepared

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
        deadline = asyncio.timeout(longest)
        slow = asyncio.get_running_loop().call_later(
            self.limits.slow.total_seconds(), self._free_place, places, message
        )
        try:
            # For this message alone: each message has a task of its own.
            request_id.set(self.request_of(message))
            if isinstance(work, Settlement | Exception):
                return work
            if self._stopped.is_set():
                return None
            if message.crashes > self.limits.max_crashes:
                return SendRefused("every attempt was interrupted")
            async with deadline:
                self._deadlines.add(deadline)
                return await work()
        except Exception as error:  # noqa: BLE001 - `_end` tells them apart
            is_ours = isinstance(error, TimeoutError) and deadline.expired()
            if not is_ours:
                return error
            if self._stopped.is_set():
                # The provider may have the mail. The pause leaves time for its report.
                return SendRetryable("no answer before its worker stopped", LONGEST.total_seconds())
            return _Endless(longest)
        finally:
            self._deadlines.discard(deadline)
            slow.cancel()
            if message in self._slow:
                self._slow.discard(message)
            else:
                places.release()

    def _free_place(self, places: asyncio.Semaphore, message: Message) -> None:
        """Give the place of a slow try to another message, so that a slow mail server does not
        delay all mails.
        """
        if len(self._slow) < self.limits.most_slow:
            self._slow.add(message)
            places.release()

    async def _end(self, message: Message, outcome: TryResult) -> None:
        """Write the result of a try. An unexpected error counts as a crash.

        If this fails, the lease runs out, and the message is tried again.
        """
        match outcome:
            case None:
                await self.outbox.postpone(
                    message,
                    self.outbox.database.clock(),
                    "its worker was stopped",
                    crashes=message.crashes - 1,
                    # The mail may be sealed for a provider by now, which was not called.
                    sender=message.sender,
                )
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
            # The message itself is fine. It waits for the app's accounts as for a provider.
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
        counts: dict[str, Any]
        if is_crash:
            tries = message.crashes
            most = self.limits.max_crashes
            longest = LONGEST_OF_OURS
            counts = {}
        else:
            tries = message.attempts
            most = self.limits.max_attempts
            longest = LONGEST
            counts = {"attempts": message.attempts, "crashes": 0}
        if tries >= most:
            await self._settle(message, Dead(reason))
            return
        pause = backoff(tries, self.limits.jitter(), longest=longest)
        pause = max(pause, timedelta(seconds=least))
        await self.outbox.postpone(message, self.outbox.database.clock(pause), reason, **counts)
        pause_s = round(pause.total_seconds(), 1)
        self._log(logging.WARNING, message, "retried", pause_s=pause_s, reason=reason)

    async def _settle(self, message: Message, end: Sent | Dropped | Dead) -> None:
        await self.outbox.end(message, end)
        if isinstance(end, Sent):
            latency = max((now() - message.created_at).total_seconds(), 0)
            self.meters.delivery(message.kind, latency)
            latency_ms = round(latency * 1000)
            self._log(logging.INFO, message, "sent", transport=end.sender, latency_ms=latency_ms)
        elif isinstance(end, Dropped):
            self._log(logging.INFO, message, end.state, reason=end.reason)
        else:
            self._log(logging.ERROR, message, end.state, reason=end.reason)

    def _log(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self.meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        noun = "event" if message.kind.startswith(TO_THE_APP) else "mail"
        log.log(level, LogEvent(f"{noun}.{outcome}", **about, **fields))

    @contextlib.asynccontextmanager
    async def _holding(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Yield a group for tries, and wait for them at the end of the block.

        Meanwhile the leases are renewed, each three times within its length.
        """
        async with asyncio.TaskGroup() as renewing:
            renewal = renewing.create_task(self._renew_leases())
            async with asyncio.TaskGroup() as tries:
                yield tries
            renewal.cancel()

    async def _renew_leases(self) -> None:
        """Renew the leases until cancelled.

        If that fails, a lease runs out, as if the worker had died.
        """
        while True:
            await asyncio.sleep(self.limits.lease.total_seconds() / 3)
            if self._held:
                renewal = self.outbox.renew(self._held, self.limits.lease)
                await self._survive(renewal, "outbox.renewal_failed")


async def _wait(event: asyncio.Event, longest: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        # Not wait_for: until Python 3.12 it loses a cancellation that arrives as the event is set.
        async with asyncio.timeout(longest.total_seconds()):
            await event.wait()
