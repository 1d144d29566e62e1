"""Second factors that an app stores in a table. Keyturn only reads them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, Connection, RowMapping, select
from sqlalchemy.exc import NoSuchTableError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.table.active_condition import (
    MappedCondition,
    is_active,
    parse_active,
)
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import kind_of, table_called, text_of
from keyturn.service.accounts.table.known_table import KnownTable
from keyturn.service.database import Database
from keyturn.service.reset.proofs.second_step.own_step import FactorStore, StoredFactors
from keyturn.service.reset.proofs.second_step.totp import read_seed
from keyturn.service.settings import SecondStepTableSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log
from keyturn.values import did_you_mean


class _FactorColumns(NamedTuple):
    """The columns of the live table.

    `fields`: the columns, by the settings that name them.
    `active`: the conditions that a factor's row meets.
    """

    fields: Mapping[str, Column[Any]]
    active: Sequence[MappedCondition]


class TableFactors(FactorStore):
    """Reads factors from an app's table: that of the accounts, or another one with their ids."""

    def __init__(
        self, database: Database, settings: SecondStepTableSettings, accounts: TableSettings
    ) -> None:
        self._settings = settings
        self._conditions = parse_active(settings.active)
        named = {
            "account": settings.account or accounts.id,
            "totp": settings.totp,
            "phone": settings.phone,
        }
        self._names = {field: name for field, name in named.items() if name}
        self._name = settings.table or accounts.table
        place = AppDatabase(accounts.url) if accounts.url else database
        self._known = KnownTable(place, self._name, self._columns)

    async def require_ready(self) -> None:
        await self._known.require_ready()

    async def find(self, account: Account) -> StoredFactors:
        """Return the factors of the account.

        Of several rows, one with a seed is chosen, then one that cannot be read, so that a further
        row is no bypass.
        """
        columns = await self._known.now()
        fields = columns.fields
        key = fields["account"]
        try:
            ids = kind_of(key).ids(account.id)
        except ValueError as error:
            # The column cannot hold this id, so the settings name the wrong one, and the account's
            # factors are unknown. They count as unreadable, since none would be a bypass.
            log.error(
                LogEvent(
                    "second_step.unreadable", account_id=account.id, column=key.name, reason=error
                )
            )
            return StoredFactors(unreadable=True)
        wanted = [fields[field].label(field) for field in ("totp", "phone") if field in fields]
        theirs = select(*wanted).where(key.in_(ids), is_active(columns.active))
        rows = await self._known.read(
            lambda connection, _: connection.execute(theirs).mappings().all()
        )
        stored = [self._stored(row, account.id) for row in rows]
        return max(stored, key=_strength, default=StoredFactors())

    def _stored(self, row: RowMapping, account_id: str) -> StoredFactors:
        phone = text_of(row.get("phone"))
        text = _text(row.get("totp")).strip()
        try:
            seed = read_seed(text, self._settings.format, self._settings.keys) if text else None
            return StoredFactors(seed, phone)
        except ValueError as error:
            # Only the class of the error is logged: its text may contain the seed.
            log.error(
                LogEvent(
                    "second_step.unreadable", account_id=account_id, reason=type(error).__name__
                )
            )
            return StoredFactors(phone=phone, unreadable=True)

    def _columns(self, connection: Connection) -> _FactorColumns:
        """Return the columns that the settings name. Raises SettingsInvalid."""
        try:
            columns = table_called(connection, self._name).columns
        except NoSuchTableError:
            message = f"the database has no table {self._name}"
            raise SettingsInvalid.of("second_step.table.table", message) from None
        lacks = f"{self._name} has no column"
        faults = [
            Fault(
                f"second_step.table.{field}", f"{lacks} {name}{did_you_mean(name, columns.keys())}"
            )
            for field, name in self._named_columns()
            if name not in columns
        ]
        if faults:
            raise SettingsInvalid(faults)
        fields = {field: columns[name] for field, name in self._names.items()}
        active = [MappedCondition(one, columns[one.column]) for one in self._conditions]
        return _FactorColumns(fields, active)

    def _named_columns(self) -> Iterator[tuple[str, str]]:
        yield from self._names.items()
        for condition in self._conditions:
            yield "active", condition.column

    async def close(self) -> None:
        await self._known.close()


def _strength(stored: StoredFactors) -> tuple[bool, bool, bool]:
    return bool(stored.seed), stored.unreadable, bool(stored.phone)


def _text(written: Any) -> str:
    """Return the text of a column that holds text, bytes or JSON."""
    if isinstance(written, bytes):
        return written.decode("latin-1")
    if isinstance(written, dict):
        return msgspec.json.encode(written).decode()
    return text_of(written)
