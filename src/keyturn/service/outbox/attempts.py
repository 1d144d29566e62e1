"""What a try of a message comes to: its end, or the pause before the next try, and a line in the log."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.service.clock import now
from keyturn.service.outbox.message import TO_THE_APP, Dead, Dropped, Message, Sent, Settlement
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.telemetry.logs import LogEvent
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
    """

    def __init__(self, outbox: Outbox, limits: WorkerLimits, jitter: Callable[[], float], meters: Meters) -> None:
        self._outbox = outbox
        self._limits = limits
        self._jitter = jitter
        self._meters = meters

    async def end(self, message: Message, outcome: Settlement | Exception | None) -> None:
        """Write what a try came to; None: it was not begun. It counts as a crash if its error was not foreseen.

        If it cannot be written now, the lease runs out, and the message is claimed again.
        """
        try:
            await self._end(message, outcome)
        except DatabaseUnready as error:
            log.warning(LogEvent("mail.unsettled", message_id=message.id, reason=error))
        except Exception:
            log.exception(LogEvent("mail.failed", message_id=message.id))

    async def _end(self, message: Message, outcome: Settlement | Exception | None) -> None:
        match outcome:
            case None:
                at_once, reason = self._outbox.database.clock(), "its worker was stopped"
                await self._outbox.postpone(message, at_once, reason, crashes=message.crashes - 1)
            case Sent():
                await self._outbox.end(message, outcome)
                latency = max((now() - message.created_at).total_seconds(), 0)
                self._meters.delivery(message.kind, latency)
                self._log(logging.INFO, message, "sent", transport=outcome.sender, latency_ms=round(latency * 1000))
            case Dropped(reason=reason):
                await self._outbox.end(message, outcome)
                self._log(logging.INFO, message, "dropped", reason=reason)
            case DatabaseUnready():
                raise outcome
            case LeaseLost():
                log.warning(LogEvent("mail.lease_lost", message_id=message.id))
            case SendRefused(reason=reason):
                await self._give_up(message, reason)
            case QuotaExhausted(until=until, reason=reason):
                await self._outbox.postpone(message, until, reason, event="parked", crashes=0)
                self._log(logging.ERROR, message, "parked", until=until, reason=reason)
            case SendRetryable(reason=reason, retry_after=asked):
                await self._try_later(message, reason, timedelta(seconds=asked or 0))
            case AccountsUnready():  # the message is fine: it waits for the app's database as it would for a provider
                await self._try_later(message, "accounts unready")
            case _:
                await self._try_after_crash(message, outcome)

    async def _try_later(self, message: Message, reason: str, asked: timedelta = timedelta(0)) -> None:
        pause = max(backoff(message.attempts, self._jitter()), asked)
        is_last = message.attempts >= self._limits.max_attempts
        await self._pause(message, pause, reason, is_last=is_last, attempts=message.attempts, crashes=0)

    async def _try_after_crash(self, message: Message, error: Exception) -> None:
        reason = type(error).__name__
        if isinstance(error, TimeoutError):
            reason = f"no end within {self._limits.longest.total_seconds():g} s"
        else:
            log.error(LogEvent("mail.failed", message_id=message.id), exc_info=error)
        pause = backoff(message.crashes, self._jitter(), longest=LONGEST_OF_OURS)
        await self._pause(message, pause, reason, is_last=message.crashes >= self._limits.max_crashes)

    async def _pause(self, message: Message, pause: timedelta, reason: str, *, is_last: bool, **counts: Any) -> None:
        if is_last:
            await self._give_up(message, reason)
            return
        await self._outbox.postpone(message, self._outbox.database.clock(pause), reason, **counts)
        self._log(logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=reason)

    async def _give_up(self, message: Message, reason: str) -> None:
        await self._outbox.end(message, Dead(reason))
        self._log(logging.ERROR, message, "dead", reason=reason)

    def _log(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self._meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        noun = "event" if message.kind.startswith(TO_THE_APP) else "mail"
        log.log(level, LogEvent(f"{noun}.{outcome}", **about, **fields))
