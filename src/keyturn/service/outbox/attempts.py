"""What a try of a message comes to: its end, or the pause before the next try, and a line in the log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.service.clock import now
from keyturn.service.outbox.held import LeaseLost
from keyturn.service.outbox.message import OUTCOMES, TO_THE_APP, Dead, Dropped, Message, Sent, Settlement
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.telemetry.logs import LogEvent, request_id
from keyturn.service.telemetry.meters import Meters

log = logging.getLogger("keyturn.outbox")


class WorkerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a worker.

    `poll`: the longest time until a worker sees a message of another process.
    `rest`: pause after a claim of less than a lane takes. Messages that arrive in between are handled together, at a
    fraction of the cost.
    `longest`: a try that takes longer is cancelled.
    `lease`: time after which messages of a killed worker are claimed again.
    `max_attempts`: tries, at most ten minutes apart. They end before the 24 hours for which Resend remembers a key.
    `max_crashes`: how often a try may end unexpectedly; about ten minutes of tries.
    """

    poll: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(milliseconds=50)
    longest: timedelta = timedelta(seconds=60)
    lease: timedelta = timedelta(seconds=15)
    max_attempts: int = 140
    max_crashes: int = 30


FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=10)

LONGEST_OF_OURS = timedelta(seconds=30)
"""The longest pause after a fault of our own. A restart or a deploy fixes it, and mails should leave soon after."""


def backoff(attempt: int, jitter: float, *, longest: timedelta = LONGEST) -> timedelta:
    """Return the pause after try number `attempt`, from 1; `jitter` in [0, 1) spreads it over its upper half.

    The pause doubles each time up to `longest`. Equal jitter keeps messages that failed together from retrying together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    doubled: int = 2 ** min(attempt - 1, 30)
    ceiling = min(FIRST * doubled, longest)
    return ceiling / 2 + ceiling / 2 * jitter


class Attempts:
    """Ends or postpones the messages that this worker holds, and counts and logs each outcome.

    `jitter`: returns a number in [0, 1) (`backoff`).
    `request_of`: returns the id of the request that a message comes from, for the log.
    """

    def __init__(
        self,
        outbox: Outbox,
        limits: WorkerLimits,
        jitter: Callable[[], float],
        meters: Meters,
        request_of: Callable[[Message], str],
    ) -> None:
        self._held = outbox.held
        self._clock = outbox.database.clock
        self._limits = limits
        self._jitter = jitter
        self._meters = meters
        self._request_of = request_of

    def count_from_zero(self, kinds: Iterable[str]) -> None:
        """Count no messages of these kinds: `increase()` does not see the first count of a series that begins at 1."""
        for kind in kinds:
            for outcome in OUTCOMES:
                self._meters.message(kind, outcome, 0)

    def name_request_of(self, message: Message) -> None:
        """Set the request id of this task's log lines to the request that the message comes from."""
        request_id.set(self._request_of(message))

    async def end_all(self, outcomes: Sequence[tuple[Message, Settlement | Exception]]) -> None:
        """Write what several tries came to. Those without a mail end together."""
        dropped = [(message, outcome) for message, outcome in outcomes if isinstance(outcome, Dropped)]
        others = [(message, outcome) for message, outcome in outcomes if not isinstance(outcome, Dropped)]
        await asyncio.gather(
            self._write([message for message, _ in dropped], self._drop(dropped)),
            *(self.end(message, outcome) for message, outcome in others),  # each in a task, with its request's id
        )

    async def end(self, message: Message, outcome: Settlement | Exception) -> None:
        """Write what a try came to. It counts as a crash if its error was not foreseen."""
        self.name_request_of(message)
        await self._write([message], self._end(message, outcome))

    async def put_back(self, message: Message) -> None:
        """Let a message that was claimed and not tried be claimed again at once."""
        reason = "its worker was stopped"
        await self._write([message], self._held.postpone(message, self._clock(), reason, crashes=message.crashes - 1))

    async def _write(self, messages: Sequence[Message], work: Awaitable[None]) -> None:
        """Log it if an outcome cannot be written now: the leases run out, and the messages are claimed again."""
        try:
            await work
        except DatabaseUnready as error:
            for message in messages:
                self.name_request_of(message)
                log.warning(LogEvent("mail.unsettled", message_id=message.id, reason=error))
        except Exception:
            log.exception(LogEvent("mail.failed", message_id=messages[0].id))

    async def _end(self, message: Message, outcome: Settlement | Exception) -> None:
        match outcome:
            case Sent():
                latency = max((now() - message.created_at).total_seconds(), 0)
                await self._held.end((message, outcome))
                self._meters.delivery(message.kind, latency)
                self._log(logging.INFO, message, "sent", transport=outcome.sender, latency_ms=round(latency * 1000))
            case Dropped():
                await self._drop([(message, outcome)])
            case DatabaseUnready():
                raise outcome
            case LeaseLost():
                log.warning(LogEvent("mail.lease_lost", message_id=message.id))
            case SendRefused(reason=reason):
                await self._give_up(message, reason)
            case QuotaExhausted(until=until, reason=reason):
                await self._held.postpone(message, until, reason, event="parked", crashes=0)
                self._log(logging.ERROR, message, "parked", until=until, reason=reason)
            case SendRetryable(reason=reason, retry_after=asked):
                await self._try_later(message, reason, timedelta(seconds=asked or 0))
            case AccountsUnready():  # the message is fine: it waits for the app's database as it would for a provider
                await self._try_later(message, "accounts unready")
            case TimeoutError():
                await self._try_after_crash(message, f"no end within {self._limits.longest.total_seconds():g} s")
            case _:
                log.error(LogEvent("mail.failed", message_id=message.id), exc_info=outcome)
                await self._try_after_crash(message, type(outcome).__name__)

    async def _drop(self, dropped: Sequence[tuple[Message, Dropped]]) -> None:
        """Drop messages; those of one reason share a line of the log.

        Otherwise a client that requests links for thousands of unknown addresses could fill a disk (CWE-779). The
        history of each message names its request.
        """
        if dropped:
            await self._held.end(*dropped)
        alike: dict[tuple[str, str], list[Message]] = {}
        for message, outcome in dropped:
            alike.setdefault((message.kind, outcome.reason), []).append(message)
        for (kind, reason), messages in alike.items():
            if len(messages) == 1:
                self.name_request_of(messages[0])
                self._log(logging.INFO, messages[0], "dropped", reason=reason)
                continue
            request_id.set("")  # they come from many requests
            self._meters.message(kind, "dropped", len(messages))
            ids = ",".join(str(message.id) for message in messages)
            log.info(LogEvent(f"{_noun(kind)}.dropped", kind=kind, count=len(messages), message_ids=ids, reason=reason))

    async def _try_later(self, message: Message, reason: str, asked: timedelta = timedelta(0)) -> None:
        pause = max(backoff(message.attempts, self._jitter()), asked)
        is_last = message.attempts >= self._limits.max_attempts
        await self._pause(message, pause, reason, is_last=is_last, attempts=message.attempts, crashes=0)

    async def _try_after_crash(self, message: Message, reason: str) -> None:
        pause = backoff(message.crashes, self._jitter(), longest=LONGEST_OF_OURS)
        await self._pause(message, pause, reason, is_last=message.crashes >= self._limits.max_crashes)

    async def _pause(self, message: Message, pause: timedelta, reason: str, *, is_last: bool, **counts: Any) -> None:
        if is_last:
            await self._give_up(message, reason)
            return
        await self._held.postpone(message, self._clock(pause), reason, **counts)
        self._log(logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=reason)

    async def _give_up(self, message: Message, reason: str) -> None:
        await self._held.end((message, Dead(reason)))
        self._log(logging.ERROR, message, "dead", reason=reason)

    def _log(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self._meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        log.log(level, LogEvent(f"{_noun(message.kind)}.{outcome}", **about, **fields))


def _noun(kind: str) -> str:
    """Return "event" for a message to the app, "mail" for all others."""
    return "event" if kind.startswith(TO_THE_APP) else "mail"
