"""The store of second addresses: to which mailbox a link goes if the account's own cannot be read any more."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn import addresses
from keyturn.accounts.port import Account
from keyturn.database import Database, Model, Store
from keyturn.database.statements import insert_into
from keyturn.problems.requests import InputInvalid
from keyturn.reset.records.codes import mailbox_digest
from keyturn.reset.records.guarded import DAY, DailyCounter
from keyturn.reset.records.models import MailboxRow


class SecondAddressRow(Model):
    """The second address of an account.

    `email`: verified at `added_at`, while the account was at `primary_email`; it gets links from `usable_at` on.
    If there is none, it is "".
    `pending`: an address that was asked for at `added_at`, by the account at `primary_email`. Its link, under `digest`,
    has yet to be opened, until `expires_at`.
    `expires_at` of a verified one: when it is deleted, since its account is gone; None while that exists.
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

LINK_LIFE = timedelta(hours=24)
"""How long the link to a new address works: at most what NIST SP 800-63B-4 4.2.1.2 allows a code sent by mail."""


class SecondAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An account's second address, or one that is pending; the fields are those of the row."""

    account_id: str
    email: str
    usable_at: datetime | None
    pending: str
    expires_at: datetime | None


_FOUND = tuple(getattr(_Row, name) for name in SecondAddress.__struct_fields__)


class NewAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address that has yet to be verified; the fields are those of the row."""

    account_id: str
    primary_email: str
    pending: str
    digest: bytes
    added_at: datetime


_LINK = ("digest", "expires_at")
"""What a link that still works keeps."""


class SecondAddresses(Store):
    """Adds, finds and removes second addresses. The caller of a plain method holds the account.

    `of_app`: the app keeps them, and its store returns them with the accounts. Then this table has none.
    """

    def __init__(self, database: Database, *, of_app: bool = False) -> None:
        self._database = database
        self.of_app = of_app
        mine = database.is_one_of(_Row.account_id, "account_ids")
        self._usable = sa.select(_Row.account_id, _Row.email).where(
            mine, _Row.email != "", _Row.usable_at <= sa.bindparam("moment", type_=_Row.__table__.c.usable_at.type)
        )

    async def usable(self, accounts: Collection[Account], moment: datetime) -> Mapping[str, str]:
        """Return the addresses that may get a link at that moment, by account; one statement, for whatever accounts.

        Of the app's own, no account has one between "this was not me" and its new password: an intruder may have
        entered it, and only the app can remove it.
        """
        if self.of_app:
            return {one.id: second for one in accounts if (second := _app_address(one)) and not one.intruded}
        account_ids = {one.id for one in accounts}
        rows = await self._database.fetch(self._usable, {"account_ids": list(account_ids), "moment": moment})
        return {row["account_id"]: row["email"] for row in rows}

    async def is_one(self, mailbox: str) -> bool:
        """Return whether the mailbox is the second address of any account; of the app's own, each may be."""
        if self.of_app:
            return True
        rows = await self._database.fetch(sa.select(_Row.account_id).where(_Row.email == mailbox).limit(1))
        return bool(rows)

    async def opens(self, account: Account, mailbox: str, moment: datetime) -> bool:
        """Return whether a link at the mailbox still works: it is the account's second address, and is not blocked."""
        if self.of_app and not addresses.is_same_mailbox(_app_address(account), mailbox):
            return False
        return await self._database.read(lambda one: self.within(one).opens_within(account.id, mailbox, moment))

    def opens_within(self, account_id: str, mailbox: str, moment: datetime) -> bool:
        """Do what `opens` does, inside the caller's transaction. An app's own address is not looked up again."""
        is_blocked = sa.exists().where(MailboxRow.digest == mailbox_digest(mailbox), MailboxRow.blocked_at.is_not(None))
        if self.of_app:
            return not self.connection.execute(sa.select(is_blocked)).scalar_one()
        given = {"account_ids": [account_id], "moment": moment}
        row = self.connection.execute(self._usable.where(~is_blocked), given).mappings().first()
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

    def propose(self, new: NewAddress, moment: datetime, daily: int) -> bool:
        """Store an address that has yet to be verified, in place of an earlier one, and count a mail to it.

        A link to the same address that still works stays as it is, whether or not it gets another: `replace_link` ends
        it. Return False, and change nothing, if the account has a second address, or had `daily` links in a day.
        """
        has_link = (_Row.pending == new.pending) & (_Row.expires_at > moment)
        values = msgspec.structs.asdict(new) | {"expires_at": moment + LINK_LIFE}
        row = _NONE | {"mails": 1, "counted_since": moment} | values
        kept = {name: sa.case((has_link, getattr(_Row, name)), else_=_given(name, values)) for name in _LINK}
        may = (_Row.email == "") & _COUNTER.has_room(moment - DAY, daily)
        stored = (
            insert_into(_Row, self.connection.dialect)
            .values(**row)
            .on_conflict_do_update(
                index_elements=[_Row.account_id],
                set_=values | kept | _COUNTER.raised(moment - DAY, moment),
                where=may,
            )
        )
        return self.connection.execute(stored.returning(_Row.account_id)).first() is not None

    def replace_link(self, account_id: str, digest: bytes, moment: datetime) -> None:
        """Let only the token with that digest verify the pending address."""
        mine = sa.update(_Row).where(_Row.account_id == account_id)
        self.connection.execute(mine.values(digest=digest, expires_at=moment + LINK_LIFE))

    def verify(self, digest: bytes, primary: str, moment: datetime, usable_at: datetime) -> str | None:
        """Make the pending address the account's second one, and return it: of concurrent callers exactly one gets it.

        `primary`: the account's own address, which must be that of `propose`.
        """
        stayed = sa.func.lower(_Row.primary_email) == sa.func.lower(primary)
        new = {"email": _Row.pending, "added_at": moment, "usable_at": usable_at, "expires_at": None}
        verified = sa.update(_Row).where(*_is_pending(digest, moment), stayed).values(**new, pending="", digest=None)
        email: str | None = self.connection.execute(verified.returning(_Row.email)).scalar_one_or_none()
        return email

    def remove_pending(self, account_id: str, mailbox: str | None = None) -> None:
        """Let no link verify an address of the account any more; `mailbox`: only that one. Its second address stays."""
        waiting = (_Row.account_id == account_id) & (_Row.pending != "" if mailbox is None else _Row.pending == mailbox)
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

        `since`: the former only if it was added after that. `until`: either only if it was added, or asked for, by
        then. `primary`: the former only if the account was at that address then.
        """
        mine = _Row.account_id == account_id
        if since is not None:
            mine &= (_Row.email == "") | (_Row.added_at > since)
        if until is not None:
            mine &= _Row.added_at <= until
        if primary is not None:
            mine &= (_Row.email == "") | (sa.func.lower(_Row.primary_email) == sa.func.lower(primary))
        email: str | None = self.connection.execute(sa.select(_Row.email).where(mine)).scalar_one_or_none()
        if email is not None:
            self.connection.execute(sa.update(_Row).where(mine).values(**_NONE))
        return email or ""

    async def owners_after(self, last: str, most: int) -> Mapping[str, datetime | None]:
        """Return accounts with a second address: ids after `last`, in their order, each with its `expires_at`."""
        owners = sa.select(_Row.account_id, _Row.expires_at).where(_Row.email != "", _Row.account_id > last)
        rows = await self._database.fetch(owners.order_by(_Row.account_id).limit(most))
        return {row["account_id"]: row["expires_at"] for row in rows}

    async def expire(self, account_ids: Collection[str], expires_at: datetime | None) -> None:
        """Note when the accounts' second addresses are deleted, or with None that they stay."""
        theirs = _Row.account_id.in_(account_ids), _Row.email != ""
        await self._database.execute(
            sa.update(_Row).where(*theirs).values(expires_at=expires_at).returning(_Row.account_id)
        )


def _app_address(account: Account) -> str:
    try:
        return addresses.parse(account.second_address)
    except InputInvalid:
        return ""


def _given(name: str, values: Mapping[str, Any]) -> sa.ColumnElement[Any]:
    return sa.literal(values[name], _Row.__table__.c[name].type)


def _is_pending(digest: bytes, moment: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return _Row.digest == digest, _Row.pending != "", _Row.expires_at > moment


def is_forgettable(moment: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a row no longer matters: it has no address, or no account, and counts nothing."""
    is_over = (_Row.email == "") & (_Row.pending == "") | (_Row.expires_at < moment)
    return is_over & (_Row.counted_since < moment - DAY)
