"""A provider's rate limit, kept by all workers together: each call books a slot in a counter of the database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from keyturn.errors import SendRetryable, SendUnknown
from keyturn.service.clock import monotonic
from keyturn.service.database import Database
from keyturn.service.limits import Limit, StoredCounters, alone
from keyturn.service.settings.building import Rate

LONGEST_HOLD = 10
"""Seconds for which all workers wait after the provider asked for a pause."""

_SLACK = 1.05
"""Slots are this much further apart than the rate asks, because some calls arrive sooner after their slot than others.
A provider that takes just that rate would otherwise refuse some, and each refusal holds all workers."""

_NO_END = 1e9
"""Slots that first calls may move others back by."""


class Pace:
    """Books slots for calls to a provider, a twentieth more than `1 / per_second` apart.

    The level of a counter is the time until its next free slot, and one statement books a slot, so no two workers get
    the same. Calls that are `first` in line have a counter of their own: they wait only for each other, and move all
    other calls back by one slot each. After the provider has asked for a pause, all workers hold.
    """

    def __init__(self, database: Database, name: str, per_second: float) -> None:
        self._database = database
        self._name = name
        self._gap = _SLACK / per_second

    @asynccontextmanager
    async def in_turn(self, *, first: bool) -> AsyncIterator[None]:
        """Begin the block when it is its turn, and hold all workers if it raises that the provider asks for a pause."""
        await self._turn(first=first)
        try:
            yield
        except SendUnknown:
            raise  # its pause is for the report of this one mail
        except SendRetryable as error:
            if error.retry_after:
                # A mail that was asked to wait longer is claimed again later; its lease would not last that long.
                await self._hold(min(error.retry_after, LONGEST_HOLD))
            raise

    async def _turn(self, *, first: bool) -> None:
        """Return when it is this caller's turn: at once if the gap since the last call has passed.

        Raises SendRetryable if the queue is so long that the message's lease would run out.
        """
        most = LONGEST_HOLD / self._gap + 1
        own, others = self._slots(most, is_first=first), self._slots(_NO_END, is_first=False)
        slot = await alone(self._database, lambda counters: counters.count(own))
        if slot.full:
            raise SendRetryable("too many mails wait for the provider", LONGEST_HOLD, not_accepted=True, down=False)
        if first:
            await alone(self._database, lambda counters: counters.count(others))
        await asyncio.sleep(slot.levels[0] - self._gap)

    async def _hold(self, seconds: float) -> None:
        """Book no slots for a while."""
        for is_first in (False, True):
            limit = self._slots(1, is_first=is_first)
            await alone(self._database, partial(StoredCounters.fill, limit=limit, level=seconds))

    def _slots(self, most: float, *, is_first: bool) -> Limit:
        """Return the counter of calls, of which so many may wait."""
        who = f"{self._name}:first" if is_first else self._name
        return Limit(Rate(most, most * self._gap), "pace", who)


PAUSE = 600
"""Seconds after the last failure in which no new mail is tried: as long as the longest back-off. Mails that the
provider may already have are tried first."""

TRIAL = 60
"""Seconds until another mail is tried if the last trial gave no result: its account or its content was gone."""


class Breaker:
    """Opens after so many failures in a row, of any mails; one success closes it.

    Each process has its own. Another process notices an outage as fast; a restarted one starts without knowledge.
    """

    def __init__(self, patience: int, clock: Callable[[], float] = monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._failures = 0
        self._next_at = 0.0

    def admits(self) -> bool:
        """Tell whether a new mail may go to the provider; while the provider is down, one mail a pause may."""
        if self._failures < self._patience:
            return True
        if self._clock() < self._next_at:
            return False
        self._next_at = self._clock() + TRIAL
        return True

    def count_failure(self) -> None:
        self._failures += 1
        self._next_at = self._clock() + PAUSE

    def count_success(self) -> None:
        self._failures = 0
