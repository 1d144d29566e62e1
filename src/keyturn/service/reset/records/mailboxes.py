"""Decides which mailboxes may get a mail: their cooldown and daily limit, and their suppression.

A report of a bounce or a complaint suppresses a mailbox for a while.
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
"""How long a mailbox that bounced permanently or complained gets no mail. It is the time after
which a counter with one request is empty.
"""

Refusal = Literal["suppressed", "daily_limit", "cooldown"]

_REFUSALS: Mapping[str, Refusal] = {"mailbox_daily": "daily_limit", "mailbox_cooldown": "cooldown"}
"""Refusals, by the kinds of their counters. A kind must not change: the counters' rows outlive an
upgrade.
"""


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a mailbox, as they are now.

    `mails`: mails that count against the daily limit.
    `wait`: the time until the next mail is allowed by cooldown and daily limit.
    `refusal`: why it gets no mail now.
    `suppressed`: the time until its suppression ends.
    """

    mails: int
    wait: timedelta
    refusal: Refusal | None
    suppressed: timedelta


class Mailboxes(Store):
    """Keeps mailboxes from being flooded.

    `cooldown`: the least time between two mails.
    `daily`: the most mails in a day. The limit refills evenly.
    """

    def __init__(self, database: Database, *, cooldown: timedelta, daily: int) -> None:
        self._database = database
        self.cooldown = cooldown
        self.daily = daily

    def claim(self, wanted: Sequence[tuple[str, bool]]) -> Sequence[Refusal | None]:
        """Count a mail for each wanted mailbox; return for each why it may not be sent, or None.

        The statement that counts also decides, so two workers cannot both get None. The same
        statements run if none is wanted.
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
        """Return the limits of each mailbox.

        Show them only to its owner or an operator: they would tell others who has an account (ASVS
        6.3.8).
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
        """Tell whether the mailbox gets no mail, because of a report about an earlier one."""
        return any(StoredCounters(self.connection).levels(_suppression(email)))

    def end_cooldown(self, email: str) -> None:
        """End the cooldown of the mailbox, since its last link was used.

        The daily count stays (OWASP Forgot Password Cheat Sheet).
        """
        _, cooldown = self._limits_of(email)
        StoredCounters(self.connection).clear(cooldown)

    def suppress(self, email: str) -> None:
        """Send the mailbox no mail for a while."""
        StoredCounters(self.connection).clear(_suppression(email))
        StoredCounters(self.connection).count(_suppression(email))

    def release(self, email: str) -> bool:
        """Reset all limits of the mailbox, and its suppression; return whether any had a count."""
        limits = *self._limits_of(email), _suppression(email)
        were_counted = [StoredCounters(self.connection).clear(limit) for limit in limits]
        return any(were_counted)

    def _limits_of(self, email: str) -> tuple[Limit, Limit]:
        """Return the mailbox's daily limit and its cooldown."""
        who = addresses.normalize(email)
        day = Rate(self.daily, _DAY)
        # Without a cooldown, the rate is so high that it refuses no mail.
        cooldown = Rate(1, self.cooldown.total_seconds()) if self.cooldown else Rate(1_000_000, 1)
        return Limit(day, "mailbox_daily", who), Limit(cooldown, "mailbox_cooldown", who)


def _suppression(email: str) -> Limit:
    return Limit(
        Rate(1, _SUPPRESSION.total_seconds()), "mailbox_suppressed", addresses.normalize(email)
    )


def _mailbox(daily: Limit, level: float, cooldown: float, suppressed: float) -> Mailbox:
    """Return a mailbox by the levels of its limits, in seconds.

    The next mail must wait for the whole level of the cooldown.
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
