"""One try of a message: the limits it runs under, the pause before the next try, and the log line of its outcome."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import assert_never

import msgspec

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.service.clock import now
from keyturn.service.outbox.lane import Lane
from keyturn.service.outbox.message import OUTCOMES, TO_THE_APP, Delivery, Dropped, Message, Sent, Settlement
from keyturn.service.outbox.queue import LeaseLost, Outbox
from keyturn.service.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.service.telemetry.logs import LogEvent, request_id
from keyturn.service.telemetry.meters import Meters


class RelayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a relay.

    `poll`: the longest time until a relay sees a message of another process.
    `rest`: pause between two claims, at most `poll`. Messages that arrive in between are handled together, at a
    fraction of the cost. A lane that claimed as much as it had room for, or has room again, does not pause.
    `lease`: a delivery that takes longer is cancelled.
    `abandoned_after`: time after which messages of a killed worker are claimed again.
    `max_attempts`: tries, at most ten minutes apart. They end before the 24 hours for which Resend remembers a key.
    `max_crashes`: how often a try may end unexpectedly; about ten minutes of tries.
    """

    poll: timedelta = timedelta(seconds=1)
    rest: timedelta = timedelta(milliseconds=50)
    lease: timedelta = timedelta(seconds=60)
    abandoned_after: timedelta = timedelta(seconds=15)
    max_attempts: int = 140
    max_crashes: int = 30


log = logging.getLogger("keyturn.outbox")


class RelayLog:
    """Counts and logs the outcome of a message, under the id of the request that it comes from."""

    def __init__(self, meters: Meters, request_of: Callable[[Message], str]) -> None:
        self._meters = meters
        self._request_of = request_of

    def count_from_zero(self, kinds: Iterable[str]) -> None:
        """Count no messages of these kinds: `increase()` does not see the first count of a series that begins at 1."""
        for kind in kinds:
            for outcome in OUTCOMES:
                self._meters.message(kind, outcome, 0)

    def outcome(self, level: int, message: Message, outcome: str, **fields: object) -> None:
        self._meters.message(message.kind, outcome)
        about = {"message_id": message.id, "kind": message.kind, "attempts": message.attempts}
        log.log(level, LogEvent(f"{_noun(message)}.{outcome}", **about, **fields))

    def dropped(self, messages: Sequence[Message], reason: str) -> None:
        """Log messages of one kind that were dropped together, many of them in one line.

        Otherwise a client that requests links for thousands of unknown addresses could fill a disk (CWE-779). The
        history of each message names its request.
        """
        first = messages[0]
        if len(messages) == 1:
            self._name_request_of(first)
            self.outcome(logging.INFO, first, "dropped", reason=reason)
            return
        request_id.set("")  # they come from many requests
        self._meters.message(first.kind, "dropped", len(messages))
        ids = ",".join(str(message.id) for message in messages)
        log.info(
            LogEvent(f"{_noun(first)}.dropped", kind=first.kind, count=len(messages), message_ids=ids, reason=reason)
        )

    def unsettled(self, message: Message, error: Exception) -> None:
        """Log that the outcome cannot be written now: the lease runs out, and an open message is claimed again."""
        self._name_request_of(message)
        log.warning(LogEvent("mail.unsettled", message_id=message.id, reason=error))

    def _name_request_of(self, message: Message) -> None:
        """Set the request id of the following log lines to the request that the message comes from."""
        request_id.set(self._request_of(message))


def _noun(message: Message) -> str:
    """Return "event" for a message to the app, "mail" for all others."""
    return "event" if message.kind.startswith(TO_THE_APP) else "mail"


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


Prepared = Settlement | Delivery | Exception
"""A message's outcome, the delivery that is left to do, or why it cannot be done."""


class Attempts:
    """Tries a message that this worker holds, and ends or postpones it.

    `jitter`: returns a number in [0, 1) (`backoff`).
    """

    def __init__(
        self, outbox: Outbox, limits: RelayLimits, jitter: Callable[[], float], meters: Meters, log_of_relay: RelayLog
    ) -> None:
        self._settlements = outbox.settlements
        self._clock = outbox.database.clock
        self._limits = limits
        self._jitter = jitter
        self._meters = meters
        self._log = log_of_relay

    async def make(self, lane: Lane, message: Message, prepared: Prepared | None) -> None:
        """Try the message once, or what was `prepared` for it. The outcome is settled or logged."""
        try:
            await self._attempt(lane, message, prepared)
        except LeaseLost:
            log.warning(LogEvent("mail.lease_lost", message_id=message.id))
        except DatabaseUnready as error:
            self._log.unsettled(message, error)

    async def _attempt(self, lane: Lane, message: Message, prepared: Prepared | None) -> None:
        if message.crashes > self._limits.max_crashes:
            # Each of those claims ran out without a report: the message may have killed its workers.
            await self._give_up(message, "every attempt was interrupted")
            return
        try:
            await self._settle(message, await self._handle(lane, message, prepared))
        except (LeaseLost, DatabaseUnready):
            raise
        except QuotaExhausted as error:
            await self._settlements.defer(message, error.until, error.reason)
            self._log.outcome(logging.ERROR, message, "parked", until=error.until, reason=error.reason)
        except SendRefused as error:
            await self._give_up(message, error.reason)
        except SendRetryable as error:
            await self._try_later(message, error)
        except AccountsUnready:
            # The message is fine: it waits for the app's database as it would for a provider.
            await self._try_later(message, SendRetryable("accounts unready"))
        except TimeoutError:
            await self._try_after_crash(message, "it took longer than its lease")
        except Exception as error:
            log.exception(LogEvent("mail.failed", message_id=message.id))
            await self._try_after_crash(message, type(error).__name__)

    async def _handle(self, lane: Lane, message: Message, prepared: Prepared | None) -> Settlement:
        longest = self._limits.lease.total_seconds()
        if prepared is None:
            async with asyncio.timeout(longest):
                prepared = await lane.prepare(message)
        if isinstance(prepared, Exception):
            raise prepared.with_traceback(None)  # several messages may raise it, and each would extend its traceback
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
                self._log.outcome(
                    logging.INFO, message, "sent", transport=settlement.sender, latency_ms=round(latency * 1000)
                )
            case Dropped(reason):
                await self._settlements.dropped(message, reason)
                self._log.dropped([message], reason)
            case _:
                assert_never(settlement)

    async def _try_later(self, message: Message, error: SendRetryable) -> None:
        if message.attempts >= self._limits.max_attempts:
            await self._give_up(message, error.reason)
            return
        pause = max(backoff(message.attempts, self._jitter()), timedelta(seconds=error.retry_after or 0))
        await self._settlements.postpone(message, self._clock(pause), error.reason)
        self._log.outcome(
            logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=error.reason
        )

    async def _try_after_crash(self, message: Message, reason: str) -> None:
        if message.crashes >= self._limits.max_crashes:
            await self._give_up(message, reason)
            return
        pause = backoff(message.crashes, self._jitter(), longest=LONGEST_OF_OURS)
        await self._settlements.postpone_after_crash(message, self._clock(pause), reason)
        self._log.outcome(logging.WARNING, message, "retried", pause_s=round(pause.total_seconds(), 1), reason=reason)

    async def _give_up(self, message: Message, reason: str) -> None:
        await self._settlements.dead(message, reason)
        self._log.outcome(logging.ERROR, message, "dead", reason=reason)
