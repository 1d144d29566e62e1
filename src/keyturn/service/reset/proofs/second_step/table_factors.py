"""Factors in columns of an app's own table: beside the password, or in another table with the account's id."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, Select, bindparam, inspect, select
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import Column, column_of, id_values, text_of
from keyturn.service.accounts.table.mapping import FALSE, Flag, parse_table_name, table_clause
from keyturn.service.database import Database
from keyturn.service.database.unready import describe_error, is_refusal
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.reset.proofs.second_step.additions import Kind
from keyturn.service.reset.proofs.second_step.port import StoredFactors
from keyturn.service.reset.proofs.second_step.totp import read_seed
from keyturn.service.settings import SecondStepTableSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log
from keyturn.values import did_you_mean


class _Lookup(NamedTuple):
    """The column of the account's id, and the statement that takes the id's possible values as `ids`."""

    key: Column
    statement: Select[Any]


class TableFactors:
    """A FactorSource over a table of the app's, which is only read.

    The table's columns are read at the first use, and again after it has refused a statement.
    """

    def __init__(self, settings: SecondStepTableSettings, accounts: TableSettings, database: Database) -> None:
        self._settings = settings
        self._table = parse_table_name(settings.table or accounts.table)
        self._key = settings.account or accounts.id
        self._active = Flag(settings.active)
        self._place = AppDatabase(accounts.url) if accounts.url else database
        self._reading = asyncio.Lock()
        self._lookup: _Lookup | None = None

    async def require_ready(self) -> None:
        self._lookup = None
        await self._read_table()

    async def find(self, account: Account, *, unless_recent: Collection[Kind] = ()) -> StoredFactors:
        del unless_recent  # the app or the directory vouches for its factors
        """Return the factors of the account's row. Of several, a row with a seed wins, so more rows are no bypass."""
        try:
            lookup = await self._read_table()
        except SettingsInvalid as invalid:
            raise AccountsUnready("; ".join(f"{one.name}: {one.message}" for one in invalid.faults)) from None
        try:
            ids = id_values(lookup.key, account.id)
        except ValueError as error:
            # No row can have this id, so the settings name the wrong column: the account's factors are unknown.
            log.error(LogEvent("second_step.unreadable", account_id=account.id, column=self._key, reason=error))
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
        keys = [key for key in (self._settings.key, self._settings.previous_key) if key]
        try:
            return StoredFactors(read_seed(text.strip(), self._settings.format, keys), phone)
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

    async def _read_table(self) -> _Lookup:
        async with self._reading:
            if self._lookup is None:
                columns = await self._place.read(self._look)
                self._lookup = _Lookup(columns["account"], self._statement(columns, self._place.dialect.name))
            return self._lookup

    def _look(self, connection: Connection) -> Mapping[str, Column]:
        try:
            found = inspect(connection).get_columns(self._table.name, schema=self._table.schema)
        except NoSuchTableError:
            message = f"the database has no table {self._table}"
            raise SettingsInvalid([Fault("second_step.table.table", message)]) from None
        known = {one["name"]: column_of(one, connection.dialect.name) for one in found}
        missing = [
            Fault(f"second_step.table.{field}", f"{self._table} has no column {one}" + did_you_mean(one, known))
            for field, one in self._named()
            if one not in known
        ]
        if missing:
            raise SettingsInvalid(missing)
        return {field: known[one] for field, one in self._named()}

    def _statement(self, columns: Mapping[str, Column], dialect: str) -> Select[Any]:
        distinct = {known.name: known for known in columns.values()}
        there = table_clause(self._table, list(distinct.values()), dialect)
        wanted = [there.c[known.name].label(field) for field, known in columns.items() if field != "account"]
        key = there.c[columns["account"].name]
        return select(*wanted).where(key.in_(bindparam("ids", type_=key.type, expanding=True)))

    def _named(self) -> Iterator[tuple[str, str]]:
        given = {"totp": self._settings.totp, "phone": self._settings.phone, "active": self._active.column}
        yield "account", self._key
        yield from ((field, name) for field, name in given.items() if name)

    async def close(self) -> None:
        if isinstance(self._place, AppDatabase):
            await self._place.close()


def _text(written: Any) -> str:
    """Return the text of a column that holds text, bytes or JSON."""
    if isinstance(written, bytes):
        return written.decode("latin-1")
    return msgspec.json.encode(written).decode() if isinstance(written, dict) else text_of(written)
