"""Which mailboxes get a mail now: their cooldown and daily limit, and reports that end their mails for a while."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service import addresses
from keyturn.service.database import Database, Model, Store
from keyturn.service.database.statements import insert_into
from keyturn.service.limits import Limit, StoredCounters
from keyturn.service.settings.building import Rate

_DAY = 86_400

_BEFORE_GROWTH = 3
"""Mails of the daily limit before the cooldown grows: a user may not find a mail and ask again."""

_LONGEST_GROWTH = 17
"""Doublings from a second to more than a day."""

_SUPPRESSION = timedelta(days=14)
"""How long a mailbox that bounced permanently or complained gets no mail."""

Refusal = Literal["suppressed", "daily_limit", "cooldown"]


class MailboxRow(Model):
    """A mailbox that bounced permanently or complained, under the SHA-256 of its address.

    It gets no mail until `suppressed_until`, for `reason`.
    """

    __tablename__ = "keyturn_mailboxes"

    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    suppressed_until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(sa.String(32))


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """What holds mails back from a mailbox.

    `mails`: how many of the daily limit are used.
    `wait`: until cooldown and daily limit let the next mail through.
    `suppressed_until`, `reason`: until when no mail is sent after a report, and the report; None without one.
    """

    mails: int
    wait: timedelta
    refusal: Refusal | None
    suppressed_until: datetime | None
    reason: str | None

    @property
    def is_blank(self) -> bool:
        """Whether nothing holds mails back, and no mail of a day is counted."""
        return not (self.mails or self.refusal)


class Mailboxes(Store):
    """Decides whether a mailbox may get a mail. It keeps a mailbox from being flooded, and from complaining about us.

    `cooldown`: the least time between two reset mails, which doubles with each mail after the third of a day.
    `daily`: mails of a day, which refill evenly.
    """

    def __init__(self, database: Database, *, cooldown: timedelta, daily: int) -> None:
        self._database = database
        self.cooldown = cooldown
        self.daily = daily
        self._suppressed = sa.select(MailboxRow).where(
            database.is_one_of(MailboxRow.digest, "digests"), MailboxRow.suppressed_until > sa.bindparam("moment")
        )

    def claim(self, wanted: Sequence[tuple[str, bool]], moment: datetime) -> Sequence[Refusal | None]:
        """Count a mail for each of the wanted mailboxes; return for each why it may not be sent, if it may not.

        One statement reads and counts, so two workers with requests for one mailbox cannot both get None. If no mailbox
        is wanted, the same statements count nothing.
        """
        emails, counters = [email for email, _ in wanted], StoredCounters(self.connection)
        suppressed = self._find_suppressed(self.connection, emails, moment)
        refusals: list[Refusal | None] = [
            "suppressed" if addresses.digest(one) in suppressed else None for one in emails
        ]

        def count(limits: Sequence[Limit], refusal: Refusal) -> Sequence[float | None]:
            """Count a mail for the wanted mailboxes without a refusal, and note the full ones; return the levels."""
            may_get = [is_wanted and not refused for (_, is_wanted), refused in zip(wanted, refusals, strict=True)]
            levels = counters.count_each(limits, may_get)
            for place, level in enumerate(levels):
                if may_get[place] and level is None:
                    refusals[place] = refusal
            return levels

        days = [self._daily_limit(email) for email in emails]
        mails = [day.used(level or 0) for day, level in zip(days, count(days, "daily_limit"), strict=True)]
        if self.cooldown:
            count([self._cooldown_after(*each) for each in zip(mails, emails, strict=True)], "cooldown")
            for day, refusal in zip(days, refusals, strict=True):
                if refusal == "cooldown":
                    counters.give_back(day)
        return refusals

    async def look(self, emails: Collection[str], moment: datetime) -> Mapping[str, Mailbox]:
        """Return what holds mails back from each mailbox.

        For its owner alone: to others it would reveal that there is an account (OWASP ASVS 6.3.8).
        """
        limits = [limit for email in emails for limit in (self._daily_limit(email), self._cooldown_after(0, email))]

        def read(connection: sa.Connection) -> tuple[Mapping[bytes, sa.RowMapping], Sequence[float]]:
            return self._find_suppressed(connection, emails, moment), StoredCounters(connection).levels(*limits)

        suppressed, levels = await self._database.read(read)
        return {
            email: _mailbox(day, level, cooldown, suppressed.get(addresses.digest(email)))
            for email, day, level, cooldown in zip(emails, limits[::2], levels[::2], levels[1::2], strict=True)
        }

    def is_suppressed(self, email: str, moment: datetime) -> bool:
        """Return whether the mailbox gets no mail, because of a report about an earlier one."""
        return bool(self._find_suppressed(self.connection, [email], moment))

    def end_cooldown(self, email: str) -> None:
        """Let the mailbox be claimed again: the link of its last mail was used.

        The count of its mails stays, so a day has no more of them (OWASP Forgot Password Cheat Sheet).
        """
        StoredCounters(self.connection).clear(self._cooldown_after(0, email))

    def suppress(self, email: str, moment: datetime, reason: str) -> None:
        """Send the mailbox no mail, for as long as the settings say."""
        values = {"suppressed_until": moment + _SUPPRESSION, "reason": reason}
        row = insert_into(MailboxRow, self.connection.dialect).values(digest=addresses.digest(email), **values)
        self.connection.execute(row.on_conflict_do_update(index_elements=[MailboxRow.digest], set_=values))

    def release(self, email: str) -> bool:
        """Forget all that holds mails back from the mailbox; return whether there was anything."""
        gone = sa.delete(MailboxRow).where(MailboxRow.digest == addresses.digest(email)).returning(MailboxRow.digest)
        was_suppressed = self.connection.execute(gone).first() is not None
        limits = self._daily_limit(email), self._cooldown_after(0, email)
        were_counted = [StoredCounters(self.connection).clear(limit) for limit in limits]
        return was_suppressed or any(were_counted)

    def _find_suppressed(
        self, connection: sa.Connection, emails: Collection[str], moment: datetime
    ) -> Mapping[bytes, sa.RowMapping]:
        given = {"digests": [addresses.digest(email) for email in emails], "moment": moment}
        return {bytes(row["digest"]): row for row in connection.execute(self._suppressed, given).mappings()}

    def _daily_limit(self, email: str) -> Limit:
        return Limit(Rate(self.daily, _DAY), "mailbox_daily", addresses.normalize(email))

    def _cooldown_after(self, mails: int, email: str) -> Limit:
        """Return the limit that lets one mail through after this one, the last of so many mails."""
        first = self.cooldown.total_seconds()
        growth: int = 2 ** min(max(mails - _BEFORE_GROWTH, 0), _LONGEST_GROWTH)
        return Limit(Rate(1, max(first, min(first * growth, _DAY))), "mailbox_cooldown", addresses.normalize(email))


def _mailbox(daily: Limit, level: float, cooldown: float, suppressed: sa.RowMapping | None) -> Mailbox:
    """Return a mailbox by the levels of its limits. The whole level of a cooldown is to be waited for."""
    day = daily.wait(level)
    refusal: Refusal | None = "suppressed" if suppressed else "daily_limit" if day else "cooldown" if cooldown else None
    return Mailbox(
        mails=daily.used(level),
        wait=timedelta(seconds=math.ceil(max(day, cooldown))),
        refusal=refusal,
        suppressed_until=suppressed["suppressed_until"] if suppressed else None,
        reason=suppressed["reason"] if suppressed else None,
    )
