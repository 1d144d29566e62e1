"""The store of second addresses: to which mailbox a link goes if the account's own cannot be read any more."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn import addresses
from keyturn.database import Database, Model, Store
from keyturn.database.statements import insert_into
from keyturn.reset.records.guarded import DAY, DailyCounter


class SecondAddressRow(Model):
    """The second address of an account.

    `email`: verified at `added_at`, while the account was at `primary_email`; it gets links from `usable_at` on.
    If there is none, it is "".
    `pending`: an address whose link, under `digest`, has yet to be opened, until `expires_at`.
    `mails`: links that were sent since `counted_since`, at most a day before the last of them.
    """

    __tablename__ = "keyturn_second_addresses"

    account_id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254))
    primary_email: Mapped[str] = mapped_column(sa.String(254))
    added_at: Mapped[datetime | None]
    usable_at: Mapped[datetime | None]
    pending: Mapped[str] = mapped_column(sa.String(254))
    digest: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), unique=True)
    expires_at: Mapped[datetime | None]
    mails: Mapped[int]
    counted_since: Mapped[datetime | None]


_Row = SecondAddressRow
_COUNTER = DailyCounter(_Row.mails, _Row.counted_since)
_NONE: dict[str, Any] = {"email": "", "added_at": None, "usable_at": None, "pending": "", "digest": None}


class SecondAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An account's second address, or one that is pending; the fields are those of the row."""

    account_id: str
    email: str
    usable_at: datetime | None
    pending: str
    expires_at: datetime | None


_FOUND = tuple(getattr(_Row, name) for name in SecondAddress.__struct_fields__)


class SecondAddresses(Store):
    """Adds, finds and removes second addresses. The caller of a plain method holds the account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        mine = database.is_one_of(_Row.account_id, "account_ids")
        self._usable = sa.select(_Row.account_id, _Row.email).where(
            mine, _Row.email != "", _Row.usable_at <= sa.bindparam("moment", type_=_Row.__table__.c.usable_at.type)
        )

    async def usable(self, account_ids: Collection[str], moment: datetime) -> Mapping[str, str]:
        """Return the addresses that may get a link at that moment, by account; one statement, for whatever accounts."""
        rows = await self._database.fetch(self._usable, {"account_ids": list(set(account_ids)), "moment": moment})
        return {row["account_id"]: row["email"] for row in rows}

    async def is_one(self, mailbox: str) -> bool:
        """Return whether the mailbox is the second address of any account."""
        rows = await self._database.fetch(sa.select(_Row.account_id).where(_Row.email == mailbox).limit(1))
        return bool(rows)

    def gets_links_within(self, account_id: str, mailbox: str, moment: datetime) -> bool:
        """Return whether the mailbox is the account's second address and may get a link, inside the transaction."""
        given = {"account_ids": [account_id], "moment": moment}
        row = self.connection.execute(self._usable, given).mappings().first()
        return row is not None and addresses.is_same_mailbox(row["email"], mailbox)

    async def find(self, account_id: str, moment: datetime) -> SecondAddress | None:
        """Return the account's second address, or the one that is pending; None without either."""
        is_pending = (_Row.pending != "") & (_Row.expires_at > moment)
        mine = sa.select(*_FOUND).where(_Row.account_id == account_id, (_Row.email != "") | is_pending)
        rows = await self._database.fetch(mine)
        return SecondAddress(**rows[0]) if rows else None

    async def find_pending(self, digest: bytes, moment: datetime) -> SecondAddress | None:
        """Return what the token with that digest can verify."""
        rows = await self._database.fetch(sa.select(*_FOUND).where(*_is_pending(digest, moment)))
        return SecondAddress(**rows[0]) if rows else None

    def propose(
        self, account_id: str, pending: str, digest: bytes, expires_at: datetime, moment: datetime, daily: int
    ) -> bool:
        """Store an address that has yet to be verified, in place of an earlier one, and count a mail to it.

        A link to the same address that still works stays, whether or not it gets another: `replace_link` ends it.
        Return False, and change nothing, if the account has a second address, or had `daily` links in a day.
        """
        has_link = (_Row.pending == pending) & (_Row.expires_at > moment)
        kept = sa.case((has_link, _Row.digest), else_=sa.literal(digest, sa.LargeBinary(32)))
        new: dict[str, Any] = {"pending": pending, "digest": digest, "expires_at": expires_at}
        row = _NONE | {"account_id": account_id, "primary_email": "", "mails": 1, "counted_since": moment} | new
        raised = _COUNTER.raised(moment - DAY, moment)
        may = (_Row.email == "") & _COUNTER.has_room(moment - DAY, daily)
        fresh = insert_into(_Row, self.connection.dialect).values(**row)
        stored = fresh.on_conflict_do_update(
            index_elements=[_Row.account_id], set_=new | {"digest": kept} | raised, where=may
        )
        return self.connection.execute(stored.returning(_Row.account_id)).first() is not None

    def replace_link(self, account_id: str, digest: bytes) -> None:
        """Let only the token with that digest verify the pending address."""
        self.connection.execute(sa.update(_Row).where(_Row.account_id == account_id).values(digest=digest))

    def verify(self, digest: bytes, primary: str, moment: datetime, usable_at: datetime) -> str | None:
        """Make the pending address the account's second one, and return it: of concurrent callers exactly one gets it.

        `primary`: the account's own address.
        """
        new = {"email": _Row.pending, "primary_email": primary, "added_at": moment, "usable_at": usable_at}
        verified = sa.update(_Row).where(*_is_pending(digest, moment)).values(**new, pending="", digest=None)
        email: str | None = self.connection.execute(verified.returning(_Row.email)).scalar_one_or_none()
        return email

    def remove_pending(self, account_id: str) -> None:
        """Let no link verify an address of the account any more. Its second address stays."""
        waiting = (_Row.account_id == account_id) & (_Row.pending != "")
        self.connection.execute(sa.update(_Row).where(waiting).values(pending="", digest=None))

    def remove(
        self,
        account_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        primary: str | None = None,
    ) -> str:
        """Remove the account's second and pending addresses; return the former, "" if there was none.

        `since`: only if it was added after that; `until`: only if by then. `primary`: only if the account was at that
        address then.
        """
        mine = _Row.account_id == account_id
        if since is not None:
            mine &= (_Row.email == "") | (_Row.added_at > since)
        if until is not None:
            mine &= (_Row.email == "") | (_Row.added_at <= until)
        if primary is not None:
            mine &= (_Row.email == "") | (sa.func.lower(_Row.primary_email) == sa.func.lower(primary))
        email: str | None = self.connection.execute(sa.select(_Row.email).where(mine)).scalar_one_or_none()
        if email is not None:
            self.connection.execute(sa.update(_Row).where(mine).values(**_NONE))
        return email or ""


def _is_pending(digest: bytes, moment: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return _Row.digest == digest, _Row.pending != "", _Row.expires_at > moment


def is_forgettable(moment: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a row no longer matters: it has no address, and counts nothing of this day."""
    is_over = (_Row.pending == "") | (_Row.expires_at < moment)
    return (_Row.email == "") & is_over & (_Row.counted_since < moment - DAY)
