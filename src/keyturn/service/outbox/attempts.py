"""What a try of a message comes to: its end, or the pause before the next try, and a line in the log."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.service.clock import now
from keyturn.service.outbox.message import OUTCOMES, TO_THE_APP, Dropped, Message, Sent, Settlement
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.outbox.settlements import End
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
        self._settlements = outbox.settlements
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

    async def end(self, message: Message, outcome: Settlement | Exception) -> None:
        """Write what a try came to. It counts as a crash if its error was not foreseen."""
        self.name_request_of(message)
        with self._noting([message]):
            await self._end(message, outcome)

    async def drop_all(self, dropped: Sequence[tuple[Message, Dropped]]) -> None:
        """Drop messages that get no mail, each for its reason."""
        if dropped:
            with self._noting([message for message, _ in dropped]):
                await self._drop([(message, one.reason) for message, one in dropped])

    @contextmanager
    def _noting(self, messages: Sequence[Message]) -> Iterator[None]:
        """Log that an outcome cannot be written now: the leases run out, and the messages are claimed again."""
        try:
            yield
        except DatabaseUnready as error:
            for message in messages:
                self._log_unsettled(message, error)
        except Exception:
            log.exception(LogEvent("mail.failed", message_id=messages[0].id))

    async def _end(self, message: Message, outcome: Settlement | Exception) -> None:
        match outcome:
            case Sent():
                await self._note_sent(message, outcome)
            case Dropped(reason):
                await self._drop([(message, reason)])
            case Exception():
                await self._end_failed(message, outcome)

    async def _end_failed(self, message: Message, failure: Exception) -> None:
        match failure:
            case LeaseLost():
                log.warning(LogEvent("mail.lease_lost", message_id=message.id))
            case DatabaseUnready():
                self._log_unsettled(message, failure)
            case QuotaExhausted():
                await self._settlements.postpone(message, failure.until, failure.reason, "parked", crashes=0)
                self._log(logging.ERROR, message, "parked", until=failure.until, reason=failure.reason)
            case SendRefused():
                await self._give_up(message, failure.reason)
            case SendRetryable():
                await self._try_later(message, failure)
            case AccountsUnready():
                # The message is fine: it waits for the app's database as it would for a provider.
                await self._try_later(message, SendRetryable("accounts unready"))
            case TimeoutError():
                await self._try_after_crash(message, "it took longer than its lease")
            case _:
                log.error(LogEvent("mail.failed", message_id=message.id), exc_info=failure)
                await self._try_after_crash(message, type(failure).__name__)

    async def _note_sent(self, message: Message, sent: Sent) -> None:
        latency = max((now() - message.created_at).total_seconds(), 0)
        await self._settlements.end(End.sent(message, sent))
        self._meters.delivery(message.kind, latency)
        self._log(logging.INFO, message, "sent", transport=sent.sender, latency_ms=round(latency * 1000))

    async def _drop(self, dropped: Sequence[tuple[Message, str]]) -> None:
        """Drop messages; those of one reason share a line of the log.

        Otherwise a client that requests links for thousands of unknown addresses could fill a disk (CWE-779). The
        history of each message names its request.
        """
        await self._settlements.end(*(End.dropped(message, reason) for message, reason in dropped))
        alike: dict[tuple[str, str], list[Message]] = {}
        for message, reason in dropped:
            alike.setdefault((message.kind, reason), []).append(message)
        for (_, reason), messages in alike.items():
            self._log_dropped(messages, reason)

    def _log_dropped(self, messages: Sequence[Message], reason: str) -> None:
        first = messages[0]
        if len(messages) == 1:
            self.name_request_of(first)
            self._log(logging.INFO, first, "dropped", reason=reason)
            return
        request_id.set("")  # they come from many requests
        self._meters.message(first.kind, "dropped", len(messages))
        ids = ",".join(str(message.id) for message in messages)
        about = {"kind": first.kind, "count": len(messages), "message_ids": ids}
        log.info(LogEvent(f"{_noun(first)}.dropped", **about, reason=reason))

    async def _try_later(self, message: Message, error: SendRetryable) -> None:
        if message.attempts >= self._limits.max_attempts:
            await self._give_up(message, error.reason)
            return
        pause = max(backoff(message.attempts, self._jitter()), timedelta(seconds=error.retry_after or 0))
        until, attempts = self._clock(pause), message.attempts
        await self._settlements.postpone(message, until, error.reason, attempts=attempts, crashes=0)
        self._log_retried(message, pause, error.reason)

    async def _try_after_crash(self, message: Message, reason: str) -> None:
        if message.crashes >= self._limits.max_crashes:
            await self._give_up(message, reason)
            return
        pause = backoff(message.crashes, self._jitter(), longest=LONGEST_OF_OURS)
        await self._settlements.postpone(message, self._clock(pause), reason)  # the count of crashes stays
        self._log_retried(message, pause, reason)

    async def _give_up(self, message: Message, reason: str) -> None:
        await self._settlements.end(End.dead(message, reason))
        self._log(logging.ERROR, message, "dead", reason=reason)

    def _log_retried(self, message: Message, pause: timedelta, reason: str) -> None:
        self._log(logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=reason)

    def _log_unsettled(self, message: Message, error: Exception) -> None:
        self.name_request_of(message)
        log.warning(LogEvent("mail.unsettled", message_id=message.id, reason=error))

    def _log(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self._meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        log.log(level, LogEvent(f"{_noun(message)}.{outcome}", **about, **fields))


def _noun(message: Message) -> str:
    """Return "event" for a message to the app, "mail" for all others."""
    return "event" if message.kind.startswith(TO_THE_APP) else "mail"
