"""The built-in accounts with passkeys, and their table."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.accounts.builtin import AccountRow, BuiltinAccounts
from keyturn.accounts.passkeys import Format, MappedPasskeys, PasskeyRows, PlacedPasskeys
from keyturn.accounts.port import NOTHING, Account, Ended, PasskeyStore
from keyturn.accounts.table.columns import column_of
from keyturn.database import Database, Model, now


class PasskeyRow(Model):
    """A passkey of a built-in account."""

    __tablename__ = "keyturn_passkeys"

    credential: Mapped[bytes] = mapped_column(sa.LargeBinary(1023), primary_key=True)
    account: Mapped[str] = mapped_column(sa.String(36), index=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary(2048))
    handle: Mapped[bytes] = mapped_column(sa.LargeBinary(64))
    counter: Mapped[int] = mapped_column(sa.BigInteger)
    backed_up: Mapped[bool]
    transports: Mapped[str] = mapped_column(sa.String(200))
    aaguid: Mapped[str] = mapped_column(sa.String(36))
    name: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class _BuiltinRows(PasskeyRows):
    def _time(self, field: str, moment: datetime) -> datetime:
        del field
        return moment


def _builtin_rows() -> PasskeyRows:
    """Return the rows of the built-in accounts' passkeys."""
    table = PasskeyRow.__table__
    described = ({"name": one.name, "type": one.type, "nullable": one.nullable} for one in table.columns)
    columns = {str(one["name"]): column_of(one, "postgresql") for one in described}  # its types are as declared
    return _BuiltinRows(MappedPasskeys(table=table, columns=columns, format=Format(table="", columns={})))


class AccountsWithPasskeys(BuiltinAccounts):
    """The built-in accounts, with passkeys."""

    def __init__(self, database: Database) -> None:
        self._rows = _builtin_rows()
        has_passkeys = self._rows.exists_for(AccountRow.id.expression)
        super().__init__(database, [has_passkeys.label("has_passkeys")])
        self.passkeys: PasskeyStore | None = PlacedPasskeys(database, self._current, joins=True)

    async def _current(self) -> PasskeyRows:
        return self._rows

    def set_password_within(self, connection: sa.Connection, account: Account, password_hash: str) -> bool | Ended:
        is_set = super().set_password_within(connection, account, password_hash)
        if not is_set or not account.intruded:
            return is_set
        return self._end_recent(connection, account.id)

    async def end_sessions(self, account_id: str) -> Ended:
        """Do nothing: its sessions are Keyturn's own."""
        del account_id
        return NOTHING

    async def end_intrusion(self, account_id: str) -> Ended:
        return await self._database.transact(partial(self._end_recent, account_id=account_id))

    async def awaiting_password(self) -> Sequence[str]:
        accounts = [await self.find(email) for email in await super().awaiting_password()]
        return [account.email for account in accounts if account and not account.has_passkeys]

    def _end_recent(self, connection: sa.Connection, account_id: str) -> Ended:
        removed = self._rows.remove_recent(connection, account_id, now())
        return Ended({"passkeys": removed} if removed else {})
