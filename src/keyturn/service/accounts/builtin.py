"""The built-in store of accounts, for the demo, and for apps without a table of accounts."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import uuid4
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.errors import Fault
from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.clock import now
from keyturn.service.database import Database, Model
from keyturn.service.database.batching import lookup
from keyturn.service.problems.requests import InputInvalid


class AccountRow(Model):
    """An account of the built-in store. `email` is in the form of `identifiers.parse_address`."""

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


_AWAITS_PASSWORD = sa.and_(AccountRow.password_hash.is_(None), AccountRow.provider == "")
_IS_LOCKED = AccountRow.locked_at.is_not(None)
_IS_ACTIVE = sa.and_(AccountRow.active, AccountRow.locked_at.is_(None))

_PLAIN = ("name", "provider", "kind", "locale", "timezone")  # columns that are read unchanged
_ACCOUNTS = sa.select(
    AccountRow.id,
    AccountRow.email,
    *(AccountRow.__table__.c[field] for field in _PLAIN),
    _IS_ACTIVE.label("active"),
    sa.and_(AccountRow.active, _IS_LOCKED).label("locked"),
    AccountRow.password_hash.is_not(None).label("has_password"),
    _AWAITS_PASSWORD.label("awaits_password"),
)

_CHANGED = (
    sa.update(AccountRow)
    .where(AccountRow.id == sa.bindparam("of_id"), AccountRow.email == sa.bindparam("of_email"))
    .values(password_hash=sa.bindparam("new_hash"), locked_at=None)
    .returning(AccountRow.id)
)
_ACTIVE_CHANGED = _CHANGED.where(_IS_ACTIVE)
_LOCKED_CHANGED = _CHANGED.where(AccountRow.active)
"""The same for an account that was read as locked: its owner may have unlocked it since."""


class BuiltinAccounts(AccountStore):
    """An AccountStore over a table of its own, which the migrations create.

    `add` and `list` serve the commands.
    """

    can_lock = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_email = lookup(database, _ACCOUNTS, AccountRow.email, _account_of)
        self._by_id = lookup(database, _ACCOUNTS, AccountRow.id, _account_of)

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
        statement = _LOCKED_CHANGED if account.locked else _ACTIVE_CHANGED
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
        email = identifiers.parse_address(account.email)
        account_id = str(uuid4())
        _require_fitting(account)
        inserted = sa.insert(AccountRow).values(
            id=account_id,
            email=email,
            name=account.name,
            password_hash=password_hash,
            provider=account.provider,
            kind=account.kind,
            locale=account.locale,
            timezone=account.timezone,
            active=account.active,
            created_at=now(),
        )
        try:
            await self._database.execute(inserted)
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
        rows = await self._database.fetch(_ACCOUNTS.order_by(AccountRow.email))
        return list(map(_account_of, rows))


def _account_of(row: sa.RowMapping) -> Account:
    return Account(**row)


def _require_fitting(account: Account) -> None:
    # SQLite stores longer text than a column declares. A mail, or a move to PostgreSQL, would then
    # fail.
    faults = []
    for column in AccountRow.__table__.c:
        if isinstance(column.type, sa.String) and column.type.length:
            length = len(getattr(account, column.name, ""))
            if length > column.type.length:
                message = f"must have at most {column.type.length} characters"
                faults.append(Fault(column.name, message))
    if account.timezone and account.timezone not in available_timezones():
        faults.append(Fault("timezone", f"no such time zone: {account.timezone}"))
    if faults:
        raise InputInvalid(*faults)
