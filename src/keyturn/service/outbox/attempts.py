"""What a try of a message comes to: its end, or the pause before the next try, and a line in the log."""

import logging
import random
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

    `poll`: the longest time until it sees a message of another process. `rest`: pause after a claim of less than a lane
    takes. `longest`: a try that takes longer is cancelled. `lease`: of a claim. `max_attempts`: tries, at most ten
    minutes apart, within the 24 hours for which Resend remembers a key. `max_crashes`: how often a try may end
    unexpectedly, in about ten minutes. `jitter`: returns a number in [0, 1) (`backoff`).
    """

    poll: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(milliseconds=50)
    longest: timedelta = timedelta(seconds=60)
    lease: timedelta = timedelta(seconds=15)
    max_attempts: int = 140
    max_crashes: int = 30
    jitter: Callable[[], float] = random.random


FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=10)

LONGEST_OF_OURS = timedelta(seconds=30)
"""The longest pause after a fault of our own. A restart or a deploy fixes it, and mails should leave soon after."""


def backoff(attempt: int, jitter: float, *, longest: timedelta = LONGEST) -> timedelta:
    """Return the pause after try number `attempt`, from 1: doubled each time, up to `longest`.

    `jitter`, in [0, 1), spreads its upper half, so that messages that failed together do not retry together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    doubled: int = 2 ** min(attempt - 1, 30)
    ceiling = min(FIRST * doubled, longest)
    return ceiling / 2 + ceiling / 2 * jitter


TryResult = Settlement | Exception | None
"""What a try came to; None: it was not begun."""


class Attempts(msgspec.Struct, frozen=True):
    """Ends or postpones the messages that this worker holds, and counts and logs each outcome."""

    outbox: Outbox
    limits: WorkerLimits
    meters: Meters

    async def end(self, message: Message, outcome: TryResult) -> None:
        """Write what a try came to: a crash if its error was not foreseen. If that fails, the lease runs out."""
        match outcome:
            case None:
                at_once, reason = self.outbox.database.clock(), "its worker was stopped"
                await self.outbox.postpone(message, at_once, reason, crashes=message.crashes - 1)
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
            case AccountsUnready():  # the message is fine: it waits for the app's database as it would for a provider
                await self._retry(message, "accounts unready")
            case TimeoutError():
                longest = self.limits.longest.total_seconds()
                await self._retry(message, f"no end within {longest:g} s", is_crash=True)
            case _:
                log.error(LogEvent("mail.failed", message_id=message.id), exc_info=outcome)
                await self._retry(message, type(outcome).__name__, is_crash=True)

    async def _retry(self, message: Message, reason: str, *, least: float = 0, is_crash: bool = False) -> None:
        tries, most, longest = message.attempts, self.limits.max_attempts, LONGEST
        counts: dict[str, Any] = {"attempts": message.attempts, "crashes": 0}
        if is_crash:
            tries, most, longest, counts = message.crashes, self.limits.max_crashes, LONGEST_OF_OURS, {}
        if tries >= most:
            await self._settle(message, Dead(reason))
            return
        pause = max(backoff(tries, self.limits.jitter(), longest=longest), timedelta(seconds=least))
        await self.outbox.postpone(message, self.outbox.database.clock(pause), reason, **counts)
        self._log(logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=reason)

    async def _settle(self, message: Message, end: Sent | Dropped | Dead) -> None:
        await self.outbox.end(message, end)
        if isinstance(end, Sent):
            latency = max((now() - message.created_at).total_seconds(), 0)
            self.meters.delivery(message.kind, latency)
            self._log(logging.INFO, message, "sent", transport=end.sender, latency_ms=round(latency * 1000))
        else:
            level = logging.ERROR if isinstance(end, Dead) else logging.INFO
            self._log(level, message, end.state, reason=end.reason)

    def _log(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self.meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        noun = "event" if message.kind.startswith(TO_THE_APP) else "mail"
        log.log(level, LogEvent(f"{noun}.{outcome}", **about, **fields))
