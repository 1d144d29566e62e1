"""Factors that an app or a directory stores. They are only read."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, inspect, select
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.ldap.accounts import LdapAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import Column, column_of, id_values, text_of
from keyturn.service.accounts.table.mapping import FALSE, Flag, parse_table_name, table_clause
from keyturn.service.database import Database
from keyturn.service.database.unready import describe_error, is_refusal
from keyturn.service.problems.requests import AccountsUnready
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

    async def find(self, account: Account) -> StoredFactors:
        return StoredFactors(phone=await self._accounts.phone(account.id))

    async def close(self) -> None:
        await self._accounts.close()
        await super().close()


class TableFactors(OwnSecondStep):
    """Reads factors from an app's own table: beside the password, or in another table with the account's id."""

    def __init__(
        self, database: Database, sms: Messages, settings: SecondStepTableSettings, accounts: TableSettings
    ) -> None:
        super().__init__(database, sms)
        self._settings = settings
        self._keys = [key for key in (settings.key, settings.previous_key) if key]
        self._table = parse_table_name(settings.table or accounts.table)
        self._active = Flag(settings.active)
        names = {
            "account": settings.account or accounts.id,
            "totp": settings.totp,
            "phone": settings.phone,
            "active": self._active.column,
        }
        self._names = {field: name for field, name in names.items() if name}
        self._place = AppDatabase(accounts.url) if accounts.url else database

    async def require_ready(self) -> None:
        await self._place.read(self._columns)

    async def find(self, account: Account) -> StoredFactors:
        """Return the factors of the account's row. Of several, a row with a seed wins, so more rows are no bypass."""
        try:
            rows = await self._place.read(partial(self._rows, account.id))
        except SettingsInvalid as invalid:
            raise AccountsUnready("; ".join(map(str, invalid.faults))) from None
        except ValueError as error:
            # No row can have this id, so the settings name the wrong column: the account's factors are unknown.
            log.error(LogEvent("second_step.unreadable", account_id=account.id, reason=error))
            return StoredFactors(unreadable=True)
        found = [self._stored(row, account.id) for row in rows if self._counts(row.get("active"))]
        return max(found, key=lambda one: (bool(one.seed), one.unreadable, bool(one.phone)), default=StoredFactors())

    def _rows(self, account_id: str, connection: Connection) -> Sequence[RowMapping]:
        """Return the account's rows. The columns are read each time: the app may have changed its table."""
        columns = self._columns(connection)
        ids = id_values(columns["account"], account_id)
        table = table_clause(self._table, set(columns.values()), connection.dialect.name)
        wanted = [table.c[column.name].label(field) for field, column in columns.items()]
        try:
            found = connection.execute(select(*wanted).where(table.c[columns["account"].name].in_(ids)))
            return found.mappings().all()
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            said = describe_error(error.orig or error)
            log.error(LogEvent("second_step.refused", table=self._table, reason=said))
            raise AccountsUnready(f"the table of the second factors refused a statement: {said}") from None

    def _columns(self, connection: Connection) -> dict[str, Column]:
        """Return the columns of the settings. Raises SettingsInvalid."""
        try:
            reflected = inspect(connection).get_columns(self._table.name, schema=self._table.schema)
        except NoSuchTableError:
            message = f"the database has no table {self._table}"
            raise SettingsInvalid([Fault("second_step.table.table", message)]) from None
        known = {one["name"]: column_of(one, connection.dialect.name) for one in reflected}
        missing = [
            Fault(f"second_step.table.{field}", f"{self._table} has no column {name}" + did_you_mean(name, known))
            for field, name in self._names.items()
            if name not in known
        ]
        if missing:
            raise SettingsInvalid(missing)
        return {field: known[name] for field, name in self._names.items()}

    def _stored(self, row: RowMapping, account_id: str) -> StoredFactors:
        phone, text = text_of(row.get("phone")), _text(row.get("totp")).strip()
        try:
            return StoredFactors(read_seed(text, self._settings.format, self._keys) if text else None, phone)
        except (ValueError, KeyError) as error:
            # Log only the error's class: its text may contain the seed.
            log.error(LogEvent("second_step.unreadable", account_id=account_id, reason=type(error).__name__))
            return StoredFactors(phone=phone, unreadable=True)

    def _counts(self, value: Any) -> bool:
        """Tell whether a row is an active factor, by the same rules as `accounts.table.active`."""
        if not self._active.column:
            return True
        text = text_of(value).lower()
        named = [one.lower() for one in self._active.values]
        return (text in named if named else text not in FALSE) is not self._active.is_not

    async def close(self) -> None:
        if isinstance(self._place, AppDatabase):
            await self._place.close()
        await super().close()


def _text(written: Any) -> str:
    """Return the text of a column that holds text, bytes or JSON."""
    if isinstance(written, bytes):
        return written.decode("latin-1")
    return msgspec.json.encode(written).decode() if isinstance(written, dict) else text_of(written)
