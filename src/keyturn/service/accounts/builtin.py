"""The built-in store of accounts, and the table of sessions.

The store is for the demo, and for apps without a table of accounts.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.errors import Fault
from keyturn.service import addresses
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.clock import now
from keyturn.service.database import Database, Model, Store
from keyturn.service.database.database import lookup
from keyturn.service.problems.requests import InputInvalid


class AccountRow(Model):
    """An account of the built-in store. `email` is in the form of `addresses.parse`."""

    __tablename__ = "keyturn_accounts"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    provider: Mapped[str] = mapped_column(sa.String(40))
    kind: Mapped[str] = mapped_column(sa.String(40))
    locale: Mapped[str] = mapped_column(sa.String(20))
    timezone: Mapped[str] = mapped_column(sa.String(64), server_default="")
    active: Mapped[bool]
    created_at: Mapped[datetime]
    locked_at: Mapped[datetime | None]


class SessionRow(Model):
    """A signed-in browser, for an account of any store.

    Only the SHA-256 of the cookie's value is stored.
    """

    __tablename__ = "keyturn_sessions"

    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.String(255), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


_AWAITS_PASSWORD = sa.and_(AccountRow.password_hash.is_(None), AccountRow.provider == "")
_IS_LOCKED = AccountRow.locked_at.is_not(None)
_IS_ACTIVE = sa.and_(AccountRow.active, AccountRow.locked_at.is_(None))

_PLAIN = ("name", "provider", "kind", "locale", "timezone")
_ACCOUNTS = sa.select(
    *(getattr(AccountRow, field) for field in ("id", "email", *_PLAIN)),
    _IS_ACTIVE.label("active"),
    sa.and_(AccountRow.active, _IS_LOCKED).label("locked"),
    AccountRow.password_hash.is_not(None).label("has_password"),
    _AWAITS_PASSWORD.label("awaits_password"),
)

_UNCHANGED = (AccountRow.id == sa.bindparam("of_id")) & (
    AccountRow.email == sa.bindparam("of_email")
)
_CHANGED, _LOCKED_CHANGED = (
    sa.update(AccountRow)
    .where(_UNCHANGED, may_change)
    .values(password_hash=sa.bindparam("new_hash"), locked_at=None)
    .returning(AccountRow.id)
    for may_change in (_IS_ACTIVE, AccountRow.active)
)


class BuiltinAccounts(AccountStore):
    """An AccountStore over a table of its own, which the migrations create.

    `add` and `list` serve the commands.
    """

    can_lock = True

    def __init__(self, database: Database) -> None:
        self._database = database
        keys = AccountRow.email, AccountRow.id
        self._by_email, self._by_id = (
            lookup(database, _ACCOUNTS, key, lambda row: Account(**row)) for key in keys
        )

    async def find(self, email: str) -> Account | None:
        return await self._by_email.submit(email)

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        return await self._by_email.submit_all(emails)

    async def get(self, account_id: str) -> Account | None:
        return await self._by_id.submit(account_id)

    async def password_hash(self, account_id: str) -> str | None:
        return await self._database.read(partial(self.password_hash_within, account_id=account_id))

    def password_hash_within(self, connection: sa.Connection, account_id: str) -> str | None:
        statement = sa.select(AccountRow.password_hash).where(
            AccountRow.id == account_id, _IS_ACTIVE
        )
        return connection.execute(statement).scalar_one_or_none()

    def set_password_within(
        self, connection: sa.Connection, account: Account, password_hash: str
    ) -> bool | Ended:
        statement = _LOCKED_CHANGED if account.locked else _CHANGED
        if account.awaits_password:
            statement = statement.where(_AWAITS_PASSWORD)
        values = {"of_id": account.id, "of_email": account.email, "new_hash": password_hash}
        return connection.execute(statement, values).first() is not None

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        change = partial(
            self.set_password_within, account=account, password_hash=await password.hashed()
        )
        return await self._database.transact(change)

    async def lock(self, account: Account) -> bool:
        return await self._set_lock(
            account.id, _IS_ACTIVE & (AccountRow.email == account.email), now()
        )

    async def unlock(self, account_id: str) -> bool:
        return await self._set_lock(account_id, _IS_LOCKED, None)

    async def _set_lock(
        self, account_id: str, allowed: sa.ColumnElement[bool], locked_at: datetime | None
    ) -> bool:
        changed = (
            sa.update(AccountRow)
            .where(AccountRow.id == account_id, allowed)
            .values(locked_at=locked_at)
        )
        return bool(await self._database.execute(changed.returning(AccountRow.id)))

    async def add(self, account: Account, password_hash: str | None) -> Account:
        """Store a new account under its own id.

        Raises InputInvalid if the address is taken, or if a field is invalid.
        """
        email, account_id = addresses.parse(account.email), str(uuid4())
        _require_room(account)
        row = {name: getattr(account, name) for name in (*_PLAIN, "active")}
        row |= {
            "id": account_id,
            "email": email,
            "password_hash": password_hash,
            "created_at": now(),
        }
        try:
            await self._database.execute(sa.insert(AccountRow).values(**row))
        except IntegrityError:
            raise InputInvalid(
                Fault("email", "an account with that address exists already")
            ) from None
        stored = await self.get(account_id)
        assert stored is not None  # it was committed above
        return stored

    async def awaiting_password(self) -> Sequence[str]:
        statement = (
            sa.select(AccountRow.email)
            .where(_IS_ACTIVE, _AWAITS_PASSWORD)
            .order_by(AccountRow.email)
        )
        return [row["email"] for row in await self._database.fetch(statement)]

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        listed = sa.select(AccountRow.email).where(AccountRow.active, AccountRow.email > email)
        rows = await self._database.fetch(listed.order_by(AccountRow.email).limit(most))
        return [row["email"] for row in rows]

    async def list(self) -> Sequence[Account]:
        return [
            Account(**row)
            for row in await self._database.fetch(_ACCOUNTS.order_by(AccountRow.email))
        ]


def _require_room(account: Account) -> None:
    # SQLite stores longer text than a column declares. A mail, or a move to PostgreSQL, would then
    # fail.
    faults = [
        Fault(column.name, f"must have at most {column.type.length} characters")
        for column in AccountRow.__table__.c
        if isinstance(column.type, sa.String)
        and len(getattr(account, column.name, "")) > (column.type.length or 0)
    ]
    if account.timezone and account.timezone not in available_timezones():
        faults.append(Fault("timezone", f"no such time zone: {account.timezone}"))
    if faults:
        raise InputInvalid(*faults)


# Server-side sessions: the cookie holds 32 random bytes, the table their SHA-256


SESSION_LIFE = timedelta(hours=12)
"""A session ends after this time, even if it is in use (ASVS 7.3.2)."""


class Sessions(Store):
    """Sessions. They end at a fixed time, on sign-out, and with every change of the password."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, account_id: str, token: str) -> None:
        """Open a session under `token`, which must be fresh (ASVS 7.2.4), in the caller's
        transaction.
        """
        moment = now()
        times = {"created_at": moment, "expires_at": moment + SESSION_LIFE}
        self.connection.execute(
            sa.insert(SessionRow).values(digest=digest_of(token), account_id=account_id, **times)
        )

    def is_open(self, token: str) -> bool:
        return self.connection.execute(_open_session(token)).first() is not None

    async def account_id(self, token: str) -> str | None:
        """Return the session's account; None if the session does not exist or has ended."""
        rows = await self._database.fetch(_open_session(token))
        return str(rows[0]["account_id"]) if rows else None

    async def end(self, token: str) -> None:
        await self._database.execute(
            sa.delete(SessionRow).where(SessionRow.digest == digest_of(token))
        )

    def end_all(self, account_id: str) -> None:
        """End every session of the account, in the caller's transaction (OWASP ASVS 7.4.3)."""
        self.connection.execute(sa.delete(SessionRow).where(SessionRow.account_id == account_id))


def _open_session(token: str) -> sa.Select[Any]:
    return sa.select(SessionRow.account_id).where(
        SessionRow.digest == digest_of(token), SessionRow.expires_at > now()
    )


def digest_of(token: str) -> bytes:
    # A random 256-bit value needs no slow hash: it cannot be guessed (NIST SP 800-63B 5.1).
    return sha256(token.encode()).digest()
