"""Factors that an app or a directory keeps. They are only read."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, Select, bindparam, inspect, select
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

    async def close(self) -> None:
        await self._accounts.close()
        await super().close()

    async def find(self, account: Account, *, unless_recent: bool = False) -> StoredFactors:
        del unless_recent
        return StoredFactors(None, await self._accounts.phone(account.id))


class _Lookup(NamedTuple):
    """The column of the account's id, and the statement that takes the id's possible values as `ids`."""

    key: Column
    statement: Select[Any]


class TableFactors(OwnSecondStep):
    """Reads factors from an app's own table: beside the password, or in another table with the account's id.

    The table's columns are read at the first use, and again after it has refused a statement.
    """

    def __init__(
        self, database: Database, sms: Messages, settings: SecondStepTableSettings, accounts: TableSettings
    ) -> None:
        super().__init__(database, sms)
        self._settings = settings
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
        self._lookup: _Lookup | None = None

    async def require_ready(self) -> None:
        self._lookup = await self._place.read(self._read_table)

    async def find(self, account: Account, *, unless_recent: bool = False) -> StoredFactors:
        """Return the factors of the account's row. Of several, a row with a seed wins, so more rows are no bypass."""
        del unless_recent
        try:
            if (lookup := self._lookup) is None:
                lookup = self._lookup = await self._place.read(self._read_table)
        except SettingsInvalid as invalid:
            raise AccountsUnready("; ".join(f"{one.name}: {one.message}" for one in invalid.faults)) from None
        try:
            ids = id_values(lookup.key, account.id)
        except ValueError as error:
            # No row can have this id, so the settings name the wrong column: the account's factors are unknown.
            log.error(
                LogEvent("second_step.unreadable", account_id=account.id, column=self._names["account"], reason=error)
            )
            return StoredFactors(unreadable=True)
        rows = await self._fetch(lookup.statement, {"ids": ids})
        found = [self._stored(row, account.id) for row in rows if self._counts(row.get("active"))]
        return max(found, key=lambda one: (bool(one.seed), one.unreadable, bool(one.phone)), default=StoredFactors())

    async def _fetch(self, statement: Select[Any], given: Mapping[str, Any]) -> Sequence[RowMapping]:
        def fetch(connection: Connection) -> Sequence[RowMapping]:
            try:
                return connection.execute(statement, given).mappings().all()
            except DBAPIError as error:
                if not is_refusal(error):
                    raise
                self._lookup = None
                said = describe_error(error.orig or error)
                log.error(LogEvent("second_step.refused", table=self._table, reason=said))
                raise AccountsUnready(f"the table of the second factors refused a statement: {said}") from None

        return await self._place.read(fetch)

    def _stored(self, row: RowMapping, account_id: str) -> StoredFactors:
        phone = text_of(row.get("phone"))
        text = _text(row.get("totp"))
        if not text.strip():
            return StoredFactors(None, phone)
        try:
            return StoredFactors(read_seed(text.strip(), self._settings.format, self._settings.keys), phone)
        except (ValueError, KeyError) as error:
            # Log only the error's class: its text may contain the seed.
            log.error(LogEvent("second_step.unreadable", account_id=account_id, reason=type(error).__name__))
            return StoredFactors(None, phone, unreadable=True)

    def _counts(self, value: Any) -> bool:
        """Tell whether a row is an active factor, by the same rules as `accounts.table.active`."""
        if not self._active.column:
            return True
        text = text_of(value).lower()
        named = [one.lower() for one in self._active.values]
        holds = text in named if named else text not in FALSE
        return holds is not self._active.is_not

    def _read_table(self, connection: Connection) -> _Lookup:
        dialect = connection.dialect.name
        try:
            reflected = inspect(connection).get_columns(self._table.name, schema=self._table.schema)
        except NoSuchTableError:
            message = f"the database has no table {self._table}"
            raise SettingsInvalid([Fault("second_step.table.table", message)]) from None
        known = {one["name"]: column_of(one, dialect) for one in reflected}
        missing = [
            Fault(f"second_step.table.{field}", f"{self._table} has no column {name}" + did_you_mean(name, known))
            for field, name in self._names.items()
            if name not in known
        ]
        if missing:
            raise SettingsInvalid(missing)
        there = table_clause(self._table, [known[name] for name in set(self._names.values())], dialect)
        key = there.c[self._names["account"]]
        wanted = [there.c[name].label(field) for field, name in self._names.items() if field != "account"]
        found = select(*wanted).where(key.in_(bindparam("ids", type_=key.type, expanding=True)))
        return _Lookup(known[key.name], found)

    async def close(self) -> None:
        if isinstance(self._place, AppDatabase):
            await self._place.close()
        await super().close()


def _text(written: Any) -> str:
    """Return the text of a column that holds text, bytes or JSON."""
    if isinstance(written, bytes):
        return written.decode("latin-1")
    return msgspec.json.encode(written).decode() if isinstance(written, dict) else text_of(written)
