"""Factors that an app or a directory keeps. They are only read."""

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, Select, bindparam, select
from sqlalchemy.exc import NoSuchTableError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.active import Flag
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import Stored, kind_of, table_called, text_of
from keyturn.service.accounts.table.known_table import KnownTable
from keyturn.service.database import Database
from keyturn.service.reset.proofs.second_step.own_step import Messages, OwnSecondStep, StoredFactors
from keyturn.service.reset.proofs.second_step.totp import read_seed
from keyturn.service.settings import LdapSettings, SecondStepTableSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log
from keyturn.values import did_you_mean


class LdapPhones(OwnSecondStep):
    """Reads phone numbers from the attribute `accounts.ldap.phone` of a directory."""

    def __init__(self, database: Database, sms: Messages, settings: LdapSettings) -> None:
        super().__init__(database, sms)
        self._accounts = LdapAccounts(settings)

    async def require_ready(self) -> None:
        await self._accounts.require_ready()

    async def close(self) -> None:
        await self._accounts.close()
        await super().close()

    async def find(self, account: Account, *, unless_recent: bool = False) -> StoredFactors:
        del unless_recent
        return StoredFactors(None, await self._accounts.phone(account.id))


class _Lookup(NamedTuple):
    """The type of the account's id, and the statement that takes the id's possible values as `ids`."""

    key: Stored
    statement: Select[Any]


class TableFactors(OwnSecondStep):
    """Reads factors from an app's own table: beside the password, or in another table with the account's id."""

    def __init__(
        self, database: Database, sms: Messages, settings: SecondStepTableSettings, accounts: TableSettings
    ) -> None:
        super().__init__(database, sms)
        self._settings = settings
        self._table = settings.table or accounts.table
        self._active = Flag(settings.active)
        names = {
            "account": settings.account or accounts.id,
            "totp": settings.totp,
            "phone": settings.phone,
            "active": self._active.column,
        }
        self._names = {field: name for field, name in names.items() if name}
        place = AppDatabase(accounts.url) if accounts.url else database
        self._known = KnownTable(place, self._table, self._read_table)

    async def require_ready(self) -> None:
        await self._known.require_ready()

    async def find(self, account: Account, *, unless_recent: bool = False) -> StoredFactors:
        """Return the factors of the account's row. Of several, a row with a seed wins, so more rows are no bypass."""
        del unless_recent
        lookup = await self._known.now()
        try:
            ids = lookup.key.ids(account.id)
        except ValueError as error:
            # No row can have this id, so the settings name the wrong column: the account's factors are unknown.
            log.error(
                LogEvent("second_step.unreadable", account_id=account.id, column=self._names["account"], reason=error)
            )
            return StoredFactors(unreadable=True)
        rows = await self._known.read(
            lambda connection: connection.execute(lookup.statement, {"ids": ids}).mappings().all()
        )
        stored = [self._stored(row, account.id) for row in rows]
        return max(stored, key=lambda one: (bool(one.seed), one.unreadable, bool(one.phone)), default=StoredFactors())

    def _stored(self, row: RowMapping, account_id: str) -> StoredFactors:
        phone = text_of(row.get("phone"))
        text = _text(row.get("totp"))
        if not text.strip():
            return StoredFactors(None, phone)
        keys = [key for key in (self._settings.key, self._settings.previous_key) if key]
        try:
            return StoredFactors(read_seed(text.strip(), self._settings.format, keys), phone)
        except (ValueError, KeyError) as error:
            # Log only the error's class: its text may contain the seed.
            log.error(LogEvent("second_step.unreadable", account_id=account_id, reason=type(error).__name__))
            return StoredFactors(None, phone, unreadable=True)

    def _read_table(self, connection: Connection) -> _Lookup:
        try:
            columns = table_called(connection, self._table).columns
        except NoSuchTableError:
            message = f"the database has no table {self._table}"
            raise SettingsInvalid([Fault("second_step.table.table", message)]) from None
        missing = [
            Fault(
                f"second_step.table.{field}",
                f"{self._table} has no column {name}" + did_you_mean(name, columns.keys()),
            )
            for field, name in self._names.items()
            if name not in columns
        ]
        if missing:
            raise SettingsInvalid(missing)
        key = columns[self._names["account"]]
        wanted = [columns[name].label(field) for field, name in self._names.items() if field in ("totp", "phone")]
        active = self._active.holds(columns.get(self._active.column))
        is_theirs = key.in_(bindparam("ids", type_=key.type, expanding=True))
        return _Lookup(kind_of(key), select(*wanted).where(is_theirs, active))

    async def close(self) -> None:
        await self._known.close()
        await super().close()


def _text(written: Any) -> str:
    """Return the text of a column that holds text, bytes or JSON."""
    if isinstance(written, bytes):
        return written.decode("latin-1")
    return msgspec.json.encode(written).decode() if isinstance(written, dict) else text_of(written)
