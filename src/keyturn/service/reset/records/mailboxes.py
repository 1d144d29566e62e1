"""Which mailboxes get a mail now: their cooldown and daily limit, and reports that end their mails
for a while.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Literal

import msgspec

from keyturn.service import addresses
from keyturn.service.database import Database, Store
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.settings.building import Rate

_DAY = 86_400

_SUPPRESSION = timedelta(days=14)
"""How long a mailbox that bounced permanently or complained gets no mail: until its counter of one
is empty.
"""

Refusal = Literal["suppressed", "daily_limit", "cooldown"]

_REFUSALS: Mapping[str, Refusal] = {"mailbox_daily": "daily_limit", "mailbox_cooldown": "cooldown"}
"""By the kinds of their counters, whose rows outlive an upgrade."""


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """What holds mails back: `mails` of the daily limit, the `wait` for the next, `suppressed`
    after a report.
    """

    mails: int
    wait: timedelta
    refusal: Refusal | None
    suppressed: timedelta


class Mailboxes(Store):
    """Keeps mailboxes from being flooded: a `cooldown` between two mails, and a `daily` limit,
    which refills evenly.
    """

    def __init__(self, database: Database, *, cooldown: timedelta, daily: int) -> None:
        self._database = database
        self.cooldown = cooldown
        self.daily = daily

    def claim(self, wanted: Sequence[tuple[str, bool]]) -> Sequence[Refusal | None]:
        """Count a mail for each wanted mailbox; return for each why it may not be sent, or None.

        The statement also decides, so two workers cannot both get None. It is the same if none is
        wanted.
        """
        counters = StoredCounters(self.connection)
        is_free = [
            not level for level in counters.levels(*(_suppression(email) for email, _ in wanted))
        ]
        hits = counters.count_each(
            [
                self._limits_of(email) if yes and free else ()
                for (email, yes), free in zip(wanted, is_free, strict=True)
            ]
        )
        refusals = [_REFUSALS[hit.full.kind] if hit.full else None for hit in hits]
        return [
            refusal if free else "suppressed"
            for refusal, free in zip(refusals, is_free, strict=True)
        ]

    async def look(self, emails: Collection[str]) -> Mapping[str, Mailbox]:
        """Return what holds mails back, for owners alone: it would reveal to others who has an
        account (ASVS 6.3.8).
        """
        limits = [
            limit for email in emails for limit in (*self._limits_of(email), _suppression(email))
        ]
        levels = await self._database.read(
            lambda connection: StoredCounters(connection).levels(*limits)
        )
        each = zip(emails, limits[::3], levels[::3], levels[1::3], levels[2::3], strict=True)
        return {email: _mailbox(daily, *left) for email, daily, *left in each}

    def is_suppressed(self, email: str) -> bool:
        """Return whether the mailbox gets no mail, because of a report about an earlier one."""
        return any(StoredCounters(self.connection).levels(_suppression(email)))

    def end_cooldown(self, email: str) -> None:
        """Let the mailbox be claimed again: its last link was used.

        The day's count stays (OWASP Forgot Password).
        """
        _, cooldown = self._limits_of(email)
        StoredCounters(self.connection).clear(cooldown)

    def suppress(self, email: str) -> None:
        """Send the mailbox no mail for a while."""
        StoredCounters(self.connection).clear(_suppression(email))
        StoredCounters(self.connection).count(_suppression(email))

    def release(self, email: str) -> bool:
        """Forget all that holds mails back from the mailbox; return whether there was anything."""
        limits = *self._limits_of(email), _suppression(email)
        were_counted = [StoredCounters(self.connection).clear(limit) for limit in limits]
        return any(were_counted)

    def _limits_of(self, email: str) -> tuple[Limit, Limit]:
        """Return the mailbox's daily limit and its cooldown."""
        who = addresses.normalize(email)
        day = Rate(self.daily, _DAY)
        cooldown = (
            Rate(1, self.cooldown.total_seconds()) if self.cooldown else Rate(1_000_000, 1)
        )  # refuses no mail
        return Limit(day, "mailbox_daily", who), Limit(cooldown, "mailbox_cooldown", who)


def _suppression(email: str) -> Limit:
    return Limit(
        Rate(1, _SUPPRESSION.total_seconds()), "mailbox_suppressed", addresses.normalize(email)
    )


def _mailbox(daily: Limit, level: float, cooldown: float, suppressed: float) -> Mailbox:
    """Return a mailbox by the levels of its limits.

    The whole level of a cooldown is to be waited for.
    """
    day = daily.wait(level)
    refusal: Refusal | None = (
        "suppressed" if suppressed else "daily_limit" if day else "cooldown" if cooldown else None
    )
    return Mailbox(
        mails=daily.used(level),
        wait=timedelta(seconds=math.ceil(max(day, cooldown))),
        refusal=refusal,
        suppressed=timedelta(seconds=math.ceil(suppressed)),
    )
