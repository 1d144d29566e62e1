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
_DAILY = "mailbox_daily"

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

    `cooldown`: the least time between two reset mails.
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
        emails = [email for email, _ in wanted]
        suppressed = self._find_suppressed(self.connection, emails, moment)
        is_free = [addresses.digest(email) not in suppressed for email in emails]
        counted = [self._limits_of(email)[: 2 if self.cooldown else 1] for email in emails]
        may_get = [is_wanted and free for (_, is_wanted), free in zip(wanted, is_free, strict=True)]
        hits = StoredCounters(self.connection).count_each(counted, may_get)
        return [_refusal(hit.full) if free else "suppressed" for hit, free in zip(hits, is_free, strict=True)]

    async def look(self, emails: Collection[str], moment: datetime) -> Mapping[str, Mailbox]:
        """Return what holds mails back from each mailbox.

        For its owner alone: to others it would reveal that there is an account (OWASP ASVS 6.3.8).
        """
        limits = [limit for email in emails for limit in self._limits_of(email)]

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
        _, cooldown = self._limits_of(email)
        StoredCounters(self.connection).clear(cooldown)

    def suppress(self, email: str, moment: datetime, reason: str) -> None:
        """Send the mailbox no mail, for as long as the settings say."""
        values = {"suppressed_until": moment + _SUPPRESSION, "reason": reason}
        row = insert_into(MailboxRow, self.connection.dialect).values(digest=addresses.digest(email), **values)
        self.connection.execute(row.on_conflict_do_update(index_elements=[MailboxRow.digest], set_=values))

    def release(self, email: str) -> bool:
        """Forget all that holds mails back from the mailbox; return whether there was anything."""
        gone = sa.delete(MailboxRow).where(MailboxRow.digest == addresses.digest(email)).returning(MailboxRow.digest)
        was_suppressed = self.connection.execute(gone).first() is not None
        were_counted = [StoredCounters(self.connection).clear(limit) for limit in self._limits_of(email)]
        return was_suppressed or any(were_counted)

    def _find_suppressed(
        self, connection: sa.Connection, emails: Collection[str], moment: datetime
    ) -> Mapping[bytes, sa.RowMapping]:
        given = {"digests": [addresses.digest(email) for email in emails], "moment": moment}
        return {bytes(row["digest"]): row for row in connection.execute(self._suppressed, given).mappings()}

    def _limits_of(self, email: str) -> tuple[Limit, Limit]:
        """Return the mailbox's daily limit and its cooldown."""
        who = addresses.normalize(email)
        day, cooldown = Rate(self.daily, _DAY), Rate(1, self.cooldown.total_seconds())
        return Limit(day, _DAILY, who), Limit(cooldown, "mailbox_cooldown", who)


def _refusal(full: Limit | None) -> Refusal | None:
    if full is None:
        return None
    return "daily_limit" if full.kind == _DAILY else "cooldown"


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
