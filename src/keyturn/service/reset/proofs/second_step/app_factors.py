"""Factors that an app stores. They are only read."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, RowMapping, select
from sqlalchemy.exc import NoSuchTableError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.app_database import AppDatabase, KnownTable
from keyturn.service.accounts.table.columns import Flag, kind_of, table_called, text_of
from keyturn.service.database import Database
from keyturn.service.reset.proofs.second_step.own_step import Messages, OwnSecondStep, StoredFactors
from keyturn.service.reset.proofs.second_step.totp import read_seed
from keyturn.service.settings import SecondStepTableSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log
from keyturn.values import did_you_mean


class TableFactors(OwnSecondStep):
    """Reads factors from an app's own table: beside the password, or in another table with the account's id."""

    def __init__(
        self, database: Database, sms: Messages, settings: SecondStepTableSettings, accounts: TableSettings
    ) -> None:
        super().__init__(database, sms)
        self._settings = settings
        self._active = Flag(settings.active)
        named = {"account": settings.account or accounts.id, "totp": settings.totp, "phone": settings.phone}
        named["active"] = self._active.column
        self._names = {field: name for field, name in named.items() if name}
        self._name = settings.table or accounts.table
        place = AppDatabase(accounts.url) if accounts.url else database
        self._known = KnownTable(place, self._name, self._columns)

    async def require_ready(self) -> None:
        await self._known.require_ready()

    async def find(self, account: Account) -> StoredFactors:
        """Return the factors of the account's row. Of several, a row with a seed wins, so more rows are no bypass."""
        columns = await self._known.now()
        key = columns["account"]
        try:
            ids = kind_of(key).ids(account.id)
        except ValueError as error:
            # No row can have this id, so the settings name the wrong column: the account's factors are unknown.
            log.error(LogEvent("second_step.unreadable", account_id=account.id, column=key.name, reason=error))
            return StoredFactors(unreadable=True)
        wanted = [columns[field].label(field) for field in ("totp", "phone") if field in columns]
        theirs = select(*wanted).where(key.in_(ids), self._active.holds(columns.get("active")))
        rows = await self._known.read(lambda connection, _: connection.execute(theirs).mappings().all())
        stored = [self._stored(row, account.id) for row in rows]
        return max(stored, key=lambda one: (bool(one.seed), one.unreadable, bool(one.phone)), default=StoredFactors())

    def _stored(self, row: RowMapping, account_id: str) -> StoredFactors:
        phone, text = text_of(row.get("phone")), _text(row.get("totp")).strip()
        try:
            seed = read_seed(text, self._settings.format, self._settings.keys) if text else None
            return StoredFactors(seed, phone)
        except ValueError as error:
            # Log only the error's class: its text may contain the seed.
            log.error(LogEvent("second_step.unreadable", account_id=account_id, reason=type(error).__name__))
            return StoredFactors(phone=phone, unreadable=True)

    def _columns(self, connection: Connection) -> Mapping[str, Column[Any]]:
        """Return the columns that the settings name. Raises SettingsInvalid."""
        try:
            columns = table_called(connection, self._name).columns
        except NoSuchTableError:
            message = f"the database has no table {self._name}"
            raise SettingsInvalid.of("second_step.table.table", message) from None
        lacks = f"{self._name} has no column"
        faults = [
            Fault(f"second_step.table.{field}", f"{lacks} {name}{did_you_mean(name, columns.keys())}")
            for field, name in self._names.items()
            if name not in columns
        ]
        if faults:
            raise SettingsInvalid(faults)
        return {field: columns[name] for field, name in self._names.items()}

    async def close(self) -> None:
        await self._known.close()
        await super().close()


def _text(written: Any) -> str:
    """Return the text of a column that holds text, bytes or JSON."""
    if isinstance(written, bytes):
        return written.decode("latin-1")
    return msgspec.json.encode(written).decode() if isinstance(written, dict) else text_of(written)
