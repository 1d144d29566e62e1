"""When a mailbox last got a mail, and how long it gets no more. Stored under a digest of its address."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from keyturn.service import addresses
from keyturn.service.database import Database, Store
from keyturn.service.database.statements import ManyRows, insert_into
from keyturn.service.reset.records.guarded import DAY, DailyCounter
from keyturn.service.reset.records.models import MailboxRow

_COUNTER = DailyCounter(MailboxRow.mails, MailboxRow.counted_since)

_TIME = MailboxRow.__table__.c.mailed_at.type

_BEFORE_GROWTH = 3
"""Mails a day before the cooldown grows: a user may not find a mail and ask again."""

_LONGEST_GROWTH = 17
"""Doublings from a second to more than a day, after which the count starts again."""

_COLUMNS: dict[str, Any] = {"digest": MailboxRow.__table__.c.digest, "wanted": sa.Column("wanted", sa.Boolean())}
"""The columns that `Mailboxes.claim` is given for each mailbox."""

Refusal = Literal["suppressed", "daily_limit", "cooldown"]


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a mailbox. `mails` were sent since `counted_since`, the first of them at that time.

    `mailed_at`: the last mail. Once its link has set a password, it is earlier than `counted_since`.
    """

    mailed_at: datetime
    mails: int
    counted_since: datetime | None
    suppressed_until: datetime | None
    reason: str | None

    @property
    def last_mail_at(self) -> datetime | None:
        """When the last mail was sent; None without one, and once its link has set a password."""
        is_known = self.mails and not (self.counted_since and self.mailed_at < self.counted_since)
        return self.mailed_at if is_known else None

    def is_suppressed(self, moment: datetime) -> bool:
        return self.suppressed_until is not None and self.suppressed_until > moment

    def mails_today(self, moment: datetime) -> int:
        """Return how many mails the running day had; a day is over 24 hours after its first mail."""
        return self.mails if self.counted_since and self.counted_since > moment - DAY else 0


_MAILBOX = tuple(getattr(MailboxRow, name) for name in Mailbox.__struct_fields__)


class Mailboxes(Store):
    """Decides whether a mailbox may get a mail. It keeps a mailbox from being flooded, and from complaining about us.

    `cooldown`: the least time between two reset mails, which doubles with each mail after the third of a day.
    `daily`: the most mails in a day.
    `suppression`: how long a mailbox that bounced permanently or complained gets no mail.
    """

    def __init__(
        self,
        database: Database,
        *,
        cooldown: timedelta,
        daily: int,
        suppression: timedelta = timedelta(days=14),
    ) -> None:
        self._database = database
        self.cooldown = cooldown
        self.daily = daily
        self._suppression = suppression
        # The mail counts that have their own cooldown: lower counts use that of the first, higher ones that of the
        # last.
        self._growth = range(_BEFORE_GROWTH, max(min(daily, _BEFORE_GROWTH + _LONGEST_GROWTH + 1), _BEFORE_GROWTH + 1))
        self._found = sa.select(MailboxRow.digest, *_MAILBOX).where(database.is_one_of(MailboxRow.digest, "digests"))
        self._rows = ManyRows(database, _COLUMNS)
        self._claimed = self._claim_statement()

    def claim(self, wanted: Sequence[tuple[str, bool]], moment: datetime) -> list[bool]:
        """Note that the wanted mailboxes get a mail now; return for each whether it was noted.

        One statement reads and notes, so two workers with requests for one mailbox cannot both get True. If no mailbox
        is wanted, the same statement notes nothing. `refusals` says why a mailbox cannot be claimed.
        """
        digests = [_digest(email) for email, _ in wanted]
        claimed = [False] * len(wanted)
        times = self._claim_times(moment)
        for places in _once_each(digests):
            rows = [{"digest": digests[place], "wanted": wanted[place][1]} for place in places]
            noted = self.connection.execute(self._claimed, {**times, **self._rows.parameter(rows)})
            found = {bytes(digest) for digest in noted.scalars()}
            for place in places:
                claimed[place] = digests[place] in found
        return claimed

    def _claim_times(self, moment: datetime) -> dict[str, datetime]:
        """Return the times that `_claim_statement` compares with."""
        rested = {f"rested_{mails}": moment - self._cooldown_after(mails) for mails in self._growth}
        return rested | {"moment": moment, "day_ago": moment - DAY, "cooled_down": moment - self.cooldown}

    def _claim_statement(self) -> Any:
        moment, day_ago = _time("moment"), _time("day_ago")
        # The latest time of the last mail that allows another one now, by the number of mails.
        rested = sa.case(
            *((MailboxRow.mails <= mails, _time(f"rested_{mails}")) for mails in self._growth),
            else_=_time(f"rested_{self._growth[-1]}"),
        )
        given = self._rows.table.c
        # In the order of their keys: two workers that claim several at once cannot deadlock.
        wanted = sa.select(given.digest, moment, sa.literal(1), moment).where(given.wanted).order_by(given.digest)
        return (
            insert_into(MailboxRow, self._database.dialect)
            .from_select(["digest", "mailed_at", "mails", "counted_since"], wanted)
            .on_conflict_do_update(
                index_elements=[MailboxRow.digest],
                set_={"mailed_at": moment, **_COUNTER.raised(day_ago, moment)},
                where=(MailboxRow.mailed_at <= _time("cooled_down"))
                & _COUNTER.has_room(day_ago, self.daily)
                & (_COUNTER.begins_anew(day_ago) | (MailboxRow.mailed_at <= rested))
                & ~_is_suppressed(moment),
            )
            .returning(MailboxRow.digest)
        )

    async def refusals(self, emails: Collection[str], moment: datetime) -> Mapping[str, Refusal]:
        """Return the mailboxes that could not be claimed at that moment, with the weightiest reason of each."""
        refused = {email: self._refusal(mailbox, moment) for email, mailbox in (await self._find_all(emails)).items()}
        return {email: reason for email, reason in refused.items() if reason}

    def _refusal(self, mailbox: Mailbox, moment: datetime) -> Refusal | None:
        if mailbox.is_suppressed(moment):
            return "suppressed"
        if mailbox.mails_today(moment) >= self.daily:
            return "daily_limit"
        return "cooldown" if self.free_at(mailbox, moment) > moment else None

    async def find(self, email: str) -> Mailbox | None:
        return (await self._find_all([email])).get(email)

    async def cooldown_left(self, email: str, moment: datetime) -> timedelta:
        """Return how long the mailbox cannot be claimed yet, in whole seconds, if it is not suppressed.

        For its owner alone: to others it would reveal that there is an account (OWASP ASVS 6.3.8).
        """
        mailbox = await self.find(email)
        left = (self.free_at(mailbox, moment) - moment).total_seconds() if mailbox else 0
        return timedelta(seconds=max(math.ceil(left), 0))

    def free_at(self, mailbox: Mailbox, moment: datetime) -> datetime:
        """Return when the mailbox may be claimed again, possibly in the past, if it is not suppressed."""
        first, mails = mailbox.mailed_at + self.cooldown, mailbox.mails_today(moment)
        if not mailbox.counted_since or not mails:
            return first
        day_ends = mailbox.counted_since + DAY
        grown = day_ends if mails >= self.daily else mailbox.mailed_at + self._cooldown_after(mails)
        return max(first, min(grown, day_ends))

    def is_suppressed(self, email: str, moment: datetime) -> bool:
        """Return whether the mailbox gets no mail, because of a report about an earlier one."""
        statement = sa.select(MailboxRow.digest).where(MailboxRow.digest == _digest(email), _is_suppressed(moment))
        return self.connection.execute(statement).first() is not None

    def end_cooldown(self, email: str, moment: datetime) -> None:
        """Let the mailbox be claimed again: the link of its last mail was used.

        The count of its mails stays, so a day has no more of them (OWASP Forgot Password Cheat Sheet).
        """
        long_ago = moment - 2 * max(self.cooldown, DAY)
        self.connection.execute(
            sa.update(MailboxRow).where(MailboxRow.digest == _digest(email)).values(mailed_at=long_ago)
        )

    def suppress(self, email: str, moment: datetime, reason: str) -> None:
        """Send the mailbox no mail, for as long as the settings say."""
        _set(self.connection, email, moment, suppressed_until=moment + self._suppression, reason=reason)

    def release(self, email: str) -> bool:
        """Forget all that holds mails back from the mailbox; return whether there was anything."""
        gone = sa.delete(MailboxRow).where(MailboxRow.digest == _digest(email)).returning(MailboxRow.digest)
        return self.connection.execute(gone).first() is not None

    def is_forgettable(self, moment: datetime) -> sa.ColumnElement[bool]:
        """Return the condition that a row no longer matters."""
        is_counted = MailboxRow.counted_since.is_not(None) & (MailboxRow.counted_since > moment - DAY)
        is_old = (MailboxRow.mailed_at < moment - max(self.cooldown, DAY)) & ~is_counted
        return is_old & ~_is_suppressed(moment)

    async def _find_all(self, emails: Collection[str]) -> Mapping[str, Mailbox]:
        digests = {email: _digest(email) for email in emails}
        found = {
            bytes(row["digest"]): Mailbox(**{name: row[name] for name in Mailbox.__struct_fields__})
            for row in await self._database.fetch(self._found, {"digests": list(set(digests.values()))})
        }
        return {email: found[digest] for email, digest in digests.items() if digest in found}

    def _cooldown_after(self, mails: int) -> timedelta:
        growth: int = 2 ** min(max(mails - _BEFORE_GROWTH, 0), _LONGEST_GROWTH)
        return min(self.cooldown * growth, DAY)


def _set(connection: sa.Connection, email: str, mailed_at: datetime, **values: Any) -> None:
    """Set the values of a mailbox; an unknown one gets `mailed_at` as the time of its last mail."""
    row = {"digest": _digest(email), "mailed_at": mailed_at, "mails": 0} | values
    fresh = insert_into(MailboxRow, connection.dialect).values(**row)
    connection.execute(fresh.on_conflict_do_update(index_elements=[MailboxRow.digest], set_=values))


def _digest(email: str) -> bytes:
    """Return the key of a mailbox: the same for each spelling of the address in an app's table."""
    return sha256(addresses.normalize(email).encode()).digest()


def _once_each(digests: Sequence[bytes]) -> Iterator[Sequence[int]]:
    """Yield the places of the digests, in groups without repeated digests: no statement may write a row twice."""
    left = list(range(len(digests)))
    while left:
        first = {digests[place]: place for place in reversed(left)}
        yield sorted(first.values())
        left = [place for place in left if first[digests[place]] != place]


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=_TIME)


def _is_suppressed(moment: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    return MailboxRow.suppressed_until.is_not(None) & (MailboxRow.suppressed_until > moment)
