"""Decides which mailboxes may get a mail: their cooldown and daily limit, and their suppression.

A report of a bounce or a complaint suppresses a mailbox for a while. Counters hold digests and no
addresses; `Audit.reports` has the addresses of suppressed mailboxes.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from keyturn.service import identifiers
from keyturn.service.database import Database, Store
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.settings.rates import DAY, Rate

SUPPRESSION = timedelta(days=14)
"""How long a mailbox that bounced permanently or complained gets no mail. It is the time after
which a counter with one request is empty.
"""

_NO_COOLDOWN = Rate(1_000_000, 1)
"""A rate so high that it refuses no mail."""

Refusal = Literal["suppressed", "daily_limit", "cooldown"]

SUPPRESSED: Final = "suppressed"
"""The refusal of a mail to a suppressed mailbox."""

_REFUSALS: Mapping[str, Refusal] = {"mailbox_daily": "daily_limit", "mailbox_cooldown": "cooldown"}
"""Refusals, by the kinds of their counters. A kind must not change: the counters' rows outlive an
upgrade.
"""


class MailboxLimits(NamedTuple):
    """The three counters of a mailbox."""

    daily: Limit
    cooldown: Limit
    suppression: Limit


class MailClaim(NamedTuple):
    """A mail to count against its mailbox's limits. `is_wanted`: False if it must not count."""

    email: str
    is_wanted: bool


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

    def claim(self, claims: Sequence[MailClaim]) -> Sequence[Refusal | None]:
        """Count the wanted mails; return for each claim why its mail may not be sent, or None.

        The statement that counts also decides, so two workers cannot both get None. The same
        statements run if none is wanted.
        """
        counters = StoredCounters(self.connection)
        mailboxes = [self._limits_of(claim.email) for claim in claims]
        suppressed = counters.levels(*(limits.suppression for limits in mailboxes))
        requests: list[Sequence[Limit]] = []
        for limits, claim in zip(mailboxes, claims, strict=True):
            if claim.is_wanted and not suppressed[limits.suppression]:
                requests.append((limits.daily, limits.cooldown))
            else:
                requests.append(())
        hits = counters.count_each(requests)

        refusals: list[Refusal | None] = []
        for limits, hit in zip(mailboxes, hits, strict=True):
            if suppressed[limits.suppression]:
                refusals.append(SUPPRESSED)
            elif hit.full:
                refusals.append(_REFUSALS[hit.full.kind])
            else:
                refusals.append(None)
        return refusals

    async def look(self, emails: Collection[str]) -> Mapping[str, Mailbox]:
        """Return the limits of each mailbox.

        Show them only to its owner or an operator: they would tell others who has an account (ASVS
        6.3.8).
        """
        mailboxes = {email: self._limits_of(email) for email in emails}
        every_limit: list[Limit] = []
        for limits in mailboxes.values():
            every_limit += limits
        levels = await self._database.read(
            lambda connection: StoredCounters(connection).levels(*every_limit)
        )
        return {email: _mailbox(limits, levels) for email, limits in mailboxes.items()}

    def is_suppressed(self, email: str) -> bool:
        """Tell whether the mailbox gets no mail, because of a report about an earlier one."""
        suppression = self._limits_of(email).suppression
        return StoredCounters(self.connection).levels(suppression)[suppression] > 0

    def end_cooldown(self, email: str) -> None:
        """End the cooldown of the mailbox, since its last link was used.

        The daily count stays (OWASP Forgot Password Cheat Sheet).
        """
        StoredCounters(self.connection).clear(self._limits_of(email).cooldown)

    def suppress(self, email: str) -> None:
        """Send the mailbox no mail for a while."""
        counters = StoredCounters(self.connection)
        suppression = self._limits_of(email).suppression
        # A suppression that has begun before starts anew: a full counter would refuse the count.
        counters.clear(suppression)
        counters.count(suppression)

    def release(self, email: str) -> bool:
        """Reset all limits of the mailbox, and its suppression; return whether any had a count."""
        counters = StoredCounters(self.connection)
        were_counted = [counters.clear(limit) for limit in self._limits_of(email)]
        return any(were_counted)

    def _limits_of(self, email: str) -> MailboxLimits:
        mailbox = identifiers.normalize_address(email)
        daily = Rate(self.daily, DAY)
        cooldown = Rate(1, self.cooldown.total_seconds()) if self.cooldown else _NO_COOLDOWN
        suppression = Rate(1, SUPPRESSION.total_seconds())
        return MailboxLimits(
            daily=Limit(daily, "mailbox_daily", mailbox),
            cooldown=Limit(cooldown, "mailbox_cooldown", mailbox),
            suppression=Limit(suppression, "mailbox_suppressed", mailbox),
        )


def _mailbox(limits: MailboxLimits, levels: Mapping[Limit, float]) -> Mailbox:
    """Return a mailbox by the levels of its limits, in seconds."""
    day = limits.daily.wait(levels[limits.daily])
    # The next mail must wait for the whole level of the cooldown.
    cooldown = levels[limits.cooldown]
    suppressed = levels[limits.suppression]
    return Mailbox(
        mails=limits.daily.used(levels[limits.daily]),
        wait=timedelta(seconds=math.ceil(max(day, cooldown))),
        refusal=_refusal(suppressed, day, cooldown),
        suppressed=timedelta(seconds=math.ceil(suppressed)),
    )


def _refusal(suppressed: float, day: float, cooldown: float) -> Refusal | None:
    """Return why a mailbox gets no mail, by the seconds until each of its limits allows one."""
    if suppressed:
        return SUPPRESSED
    if day:
        return "daily_limit"
    if cooldown:
        return "cooldown"
    return None
