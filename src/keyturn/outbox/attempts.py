"""One try of a message: what its handler does, and how that is settled."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

from keyturn.database import now
from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.outbox.backoff import LONGEST_OF_OURS, backoff
from keyturn.outbox.lane import Lane
from keyturn.outbox.message import Delivery, Dropped, Message, Sent, Settlement
from keyturn.outbox.queue import LeaseLost, Outbox
from keyturn.outbox.relay_limits import RelayLimits
from keyturn.outbox.relay_log import RelayLog
from keyturn.problems.requests import AccountsUnready, DatabaseUnready
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Meters

log = logging.getLogger("keyturn.outbox")

Prepared = Settlement | Delivery | Exception
"""What has become of a message, what is left to do for it, or why it cannot be done."""


class Attempts:
    """Tries a message that is held, which then ends, or is left for later.

    `jitter` returns a number in [0, 1) (`backoff`).
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
        """Try the message once, or what was `prepared` of it. Whatever comes of it is settled, or logged."""
        try:
            await self._attempt(lane, message, prepared)
        except LeaseLost:
            log.warning(LogEvent("mail.lease_lost", message_id=message.id))
        except DatabaseUnready as error:
            self._log.unsettled(message, error)

    async def _attempt(self, lane: Lane, message: Message, prepared: Prepared | None) -> None:
        if message.crashes > self._limits.max_crashes:
            # Each of those claims ran out without a word: the message may be what ended its workers.
            await self._give_up(message, "no try came to an end")
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
            # Nothing is wrong with the message: it waits for the app's database as it would for a provider.
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
            raise prepared.with_traceback(None)  # others raise the same one, and each would add to it
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
