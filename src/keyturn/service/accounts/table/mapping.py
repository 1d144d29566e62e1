"""Checks the settings of a table against the live database: the column of each, or every fault by its setting."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Inspector, column, func, inspect, table, text
from sqlalchemy.exc import NoSuchTableError, SAWarning
from sqlalchemy.sql.elements import ColumnElement, quoted_name
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import UserDefinedType

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.table.columns import Column, column_of
from keyturn.service.accounts.table.foreign_keys import Place, checked_keys, deletion_order, keeper
from keyturn.service.accounts.table.placeholders import set_value
from keyturn.service.clock import now
from keyturn.service.settings import Ending, TableSettings
from keyturn.service.settings.building import member_name
from keyturn.values import did_you_mean

# An app's tables in statements: every name is quoted, and every value has the driver's form


class TableName(msgspec.Struct, frozen=True):
    """The name of a table, with its schema if one is given."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class AsItIs(UserDefinedType[Any]):
    """A value as the driver has it: a column of SQLite may not hold what its declaration says (UUID, DATETIME)."""

    cache_ok = True


class _HexBytes(AsItIs):
    """Bytes for MySQL: with PyMySQL 1.2.3 and later aiomysql cannot send them (aio-libs/aiomysql#1080)."""

    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return func.unhex(bindvalue)

    def bind_processor(self, dialect: Dialect) -> Callable[[bytes | None], str | None]:
        del dialect
        return lambda value: None if value is None else value.hex()


def table_clause(name: TableName, columns: Iterable[Column], dialect: str) -> TableClause:
    """Return the table with these columns, for a dialect by its name."""
    kinds = {one.name: _HexBytes() if dialect == "mysql" and one.holds is bytes else AsItIs() for one in columns}
    quoted = [column(quoted_name(one, quote=True), kind) for one, kind in kinds.items()]
    schema = quoted_name(name.schema, quote=True) if name.schema else None
    return table(quoted_name(name.name, quote=True), *quoted, schema=schema)


def parse_table_name(given: str) -> TableName:
    """Return the name of a table as in a setting: `users`, or `auth.users` in a schema."""
    schema, _, name = given.rpartition(".")
    return TableName(schema or None, name)


# Values of a column that make an account active


FALSE = ("", "0", "false", "f", "no", "n", "off", "0000-00-00 00:00:00")
"""What PostgreSQL reads as false, an empty text, and the time by which MySQL says "never"."""

TRUE = ("1", "true", "t", "yes", "y", "on")

_NOT = "not "


class Flag:
    """Parses the setting `active`: "column", or "column = value | value"; a "not " before it reverses it.

    Without values the column holds flags: an account is active if its value is none of FALSE.
    """

    def __init__(self, given: str) -> None:
        name, equals, values = given.removeprefix(_NOT).partition("=")
        self.column = name.strip()
        self.is_not = given.startswith(_NOT)
        self.values = tuple(value.strip() for value in values.split("|")) if equals else ()

    def objection(self, column: Column) -> str:
        """Return, in words, why these values cannot occur in that column, or "" if they can."""
        if "" in self.values:
            return f"has an empty value: write {self.column} = active | invited, for example"
        if not column.choices:
            return ""
        known, there = {choice.lower() for choice in column.choices}, ", ".join(column.choices)
        for value in self.values:
            if value.lower() not in known:
                meant = did_you_mean(value, column.choices)
                return f"the column {self.column} never contains {value}{meant} (its values are {there})"
        if not self.values and not column.nullable and known.isdisjoint(FALSE):
            return f"none of {there} means no: list the active values, as in {self.column} = {column.choices[0]}"
        return ""


_FIELDS = ("id", "email", "username", "password", "name", "active", "provider", "kind", "locale")
_SHOWN_TABLES = 12

_NO_IDS = (bool, float, date, datetime)
"""Types whose values can be written in several ways."""


Assignments = tuple[tuple[Column, bool | float | str], ...]


class MappedEnding(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `delete` or `ends`, checked. `owner`: the column with the account's id. `setting`: for faults."""

    setting: str
    table: TableName
    place: Place
    owner: Column
    ending: Ending
    sets: Assignments = ()
    where: Assignments = ()


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, checked against the live table: every name in it exists.

    `fields`: the named columns, by the fields of an account.
    `sets`, `locks`, `unlocks`: columns and their new values.
    `folding`: the fields whose columns ignore case by themselves, so that their indexes serve.
    `endings`: in the order in which foreign keys allow them. `held`: why deletions may fail, by setting.
    """

    table: TableName
    fields: dict[str, Column]
    active: Flag
    folding: frozenset[str]
    password_providers: tuple[str, ...]
    sets: Assignments
    locks: Assignments
    unlocks: Assignments
    endings: tuple[MappedEnding, ...]
    held: tuple[tuple[str, str], ...] = ()

    @property
    def assignments(self) -> Assignments:
        """All that is set in the account's own row, by whatever."""
        return (*self.sets, *self.locks, *self.unlocks)


def read_mapping(connection: Connection, settings: TableSettings, hash_length: int) -> Mapping:
    """Return the columns that the settings name. Raises SettingsInvalid with all wrong names at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type that SQLAlchemy does not know: most are of other columns
        return _MappingReader(connection, settings).mapping(hash_length)


class _MappingReader:
    """Reads a mapping from a connection, and collects the faults of the settings."""

    def __init__(self, connection: Connection, settings: TableSettings) -> None:
        self._connection = connection
        self._inspector: Inspector = inspect(connection)
        self._dialect = connection.dialect.name
        self._settings = settings
        self._accounts = parse_table_name(settings.table)
        self._active = Flag(settings.active)
        self._faults: list[Fault] = []

    def mapping(self, hash_length: int) -> Mapping:
        settings, accounts = self._settings, self._accounts
        columns = self._columns_of("table", accounts)
        if columns is None:
            raise SettingsInvalid(self._faults)
        fields = self._fields(columns)
        sets, locks, unlocks = (
            tuple(self._assignments(section, accounts, columns, getattr(settings, section)))
            for section in ("set", "lock", "unlock")
        )
        endings, held = self._in_order(list(self._endings()))
        self._check(fields, endings, hash_length)
        if self._faults:
            raise SettingsInvalid(self._faults)
        return Mapping(
            table=accounts,
            fields=fields,
            active=self._active,
            folding=frozenset(field for field in ("email", "username") if self._folds_case(field)),
            password_providers=settings.password_providers,
            sets=sets,
            locks=locks,
            unlocks=unlocks,
            endings=tuple(endings),
            held=tuple(held),
        )

    def _fault(self, setting: str, message: str) -> None:
        self._faults.append(Fault(f"accounts.table.{setting}", message))

    def _columns_of(self, setting: str, table: TableName) -> dict[str, Column] | None:
        try:
            found = self._inspector.get_columns(table.name, schema=table.schema)
        except NoSuchTableError:
            self._fault(setting, f"the database has no table {table}" + self._tables_instead(table))
            return None
        return {column["name"]: column_of(column, self._dialect) for column in found}

    def _tables_instead(self, table: TableName) -> str:
        where = {"schema": table.schema}
        there = [*self._inspector.get_table_names(**where), *self._inspector.get_view_names(**where)]
        theirs = sorted(name for name in there if not name.startswith("keyturn_"))
        if not theirs:
            return "; it has no tables" if not table.schema else f"; the schema {table.schema} has no tables"
        more = f" and {len(theirs) - _SHOWN_TABLES} more" if len(theirs) > _SHOWN_TABLES else ""
        return f"{did_you_mean(table.name, theirs)} (its tables: {', '.join(theirs[:_SHOWN_TABLES])}{more})"

    def _fields(self, columns: dict[str, Column]) -> dict[str, Column]:
        fields = {}
        for field in _FIELDS:
            name = self._active.column if field == "active" else getattr(self._settings, field)
            if name and (column := self._column(_setting_of(field), self._accounts, columns, name)):
                fields[field] = column
            if not name and field in {"id", "email"}:
                self._fault(field, f"missing: set a column of {self._accounts} ({', '.join(columns)})")
        return fields

    def _column(self, setting: str, table: TableName, columns: dict[str, Column], name: str) -> Column | None:
        if name not in columns:
            self._fault(setting, f"the table {table} has no column {name}" + did_you_mean(name, columns))
        return columns.get(name)

    def _assignments(
        self,
        section: str,
        table: TableName,
        columns: dict[str, Column],
        values: dict[str, bool | int | float | str],
        *,
        written: bool = True,
    ) -> Iterable[tuple[Column, bool | float | str]]:
        """Yield columns with values that fit. `written`: they are set, and not only compared."""
        for name, given in values.items():
            setting = f"{section}.{name}"
            column = self._column(setting, table, columns, name)
            if column is None:
                continue
            if written and name in self._own_columns(table):
                self._fault(setting, "is the column of the id, the address or the password, which a change sets itself")
                continue
            if written and column.is_computed:  # MariaDB plans such an UPDATE, and refuses it only when it runs
                self._fault(setting, "is a generated column, which cannot be written: remove it")
                continue
            try:
                set_value(column, given, now())
            except ValueError as error:
                self._fault(setting, str(error))
            yield column, given

    def _own_columns(self, table: TableName) -> tuple[str, ...]:
        """Return the columns of the id, the address and the password, if the table is the one of the accounts."""
        settings = self._settings
        is_own = self._place(table.schema, table.name) == self._place(self._accounts.schema, self._accounts.name)
        return (settings.id, settings.email, settings.password) if is_own else ()

    def _endings(self) -> Iterable[MappedEnding]:
        for entry, ending in self._settings.endings.items():
            setting = member_name("ends", entry) if entry in self._settings.ends else "delete"
            name, _, owner = entry.rpartition(".")
            table = parse_table_name(name)
            is_own = bool(self._own_columns(table))
            if is_own and not ending.set:
                self._fault(
                    setting, f"{entry} is in the table of accounts, so a reset would delete accounts: remove it"
                )
            elif is_own and owner != self._settings.id:
                mend = f"write {name}.{self._settings.id}"
                self._fault(setting, f"{owner} is not the id of an account, so other accounts would be changed: {mend}")
            elif ending.when != "never" and (columns := self._columns_of(setting, table)) is not None:
                column = self._column(setting, table, columns, owner)
                sets = tuple(self._assignments(f"{setting}.set", table, columns, ending.set))
                where = tuple(self._assignments(f"{setting}.where", table, columns, ending.where, written=False))
                if column:
                    yield MappedEnding(
                        setting=setting,
                        table=table,
                        place=self._place(table.schema, table.name),
                        owner=column,
                        ending=ending,
                        sets=sets,
                        where=where,
                    )

    def _in_order(self, endings: Sequence[MappedEnding]) -> tuple[list[MappedEnding], list[tuple[str, str]]]:
        """Return the endings, a referring table before the other, and why deletions may fail, by setting."""
        deleted = {one.place: one.ending.when for one in endings if not one.sets}
        schemas = {one.table.schema for one in endings if not one.sets}
        keys = checked_keys(self._connection, schemas, self._place)
        turns = {place: turn for turn, place in enumerate(deletion_order(deleted, keys))}
        held = []
        for one in endings:
            gone = [place for place, when in deleted.items() if when in {"change", one.ending.when}]
            if not one.sets and (name := keeper(one.place, gone, keys)):
                why = f"rows of {name} that refer to deleted rows of {one.table} stay, which the database forbids"
                held.append((one.setting, why))
        return sorted(endings, key=lambda one: turns.get(one.place, 0)), held

    def _place(self, schema: str | None, name: str) -> Place:
        """Return a table by its schema and its name. Only PostgreSQL distinguishes capitals on every system."""
        place = (schema or self._inspector.default_schema_name or "", name)
        return place if self._dialect == "postgresql" else (place[0].lower(), place[1].lower())

    def _folds_case(self, field: str) -> bool:
        if self._dialect != "mysql" or not (column := getattr(self._settings, field)):
            return False
        # SQLAlchemy's inspector does not show the collation that a column inherits from its table.
        asked = (
            "SELECT collation_name FROM information_schema.columns WHERE table_schema = coalesce(:schema, database())"
        )
        names = {"schema": self._accounts.schema, "table": self._accounts.name, "column": column}
        found = self._connection.execute(text(f"{asked} AND table_name = :table AND column_name = :column"), names)
        return str(found.scalar() or "").endswith("_ci")

    def _check(self, fields: dict[str, Column], endings: Sequence[MappedEnding], hash_length: int) -> None:
        for field in ("email", "username", "password"):
            column = fields.get(field)
            if column and column.holds is not str and not column.holds_anything:
                self._fault(_setting_of(field), f"the column {column.name} must contain text, but is {column.shown}")
        for field, others in (("email", ("id",)), ("password", ("id", "email")), ("username", ("id", "password"))):
            for other in others:
                if field in fields and fields[field] == fields.get(other):
                    told = f"the column {fields[field].name} is also the one of {other}: choose another"
                    self._fault(_setting_of(field), told)
        if "active" in fields and (objection := self._active.objection(fields["active"])):
            self._fault("active", objection)
        password = fields.get("password")
        if password and password.length is not None and password.length < hash_length:
            room = f"the column {password.name} is {password.shown}"
            self._fault("password", f"{room}, but a hash has {hash_length} characters: make the column longer")
        if key := fields.get("id"):
            self._check_key(key, endings)

    def _check_key(self, key: Column, endings: Sequence[MappedEnding]) -> None:
        if not self._is_unique(key.name):
            self._fault("id", f"the column {key.name} must be the primary key of {self._accounts}, or unique")
        if key.holds in _NO_IDS and not key.on_sqlite:
            self._fault("id", f"the column {key.name} is {key.shown}: ids must be whole numbers, UUIDs, texts or bytes")
        for one in endings:
            held = {key.holds, one.owner.holds}
            if len(held) > 1 and not held & {str, object} and held != {int, Decimal}:
                what = f"{one.table}.{one.owner.name} is {one.owner.shown}"
                told = f"{what}, but {self._accounts}.{key.name} is {key.shown}: they must have the same type"
                self._fault(one.setting, told)

    def _is_unique(self, name: str) -> bool:
        """Return whether the column is unique; True for a view, which does not tell."""
        table, schema = self._accounts.name, self._accounts.schema
        if table in self._inspector.get_view_names(schema=schema):
            return True
        indexes = self._inspector.get_indexes(table, schema=schema)
        constraints = self._inspector.get_unique_constraints(table, schema=schema)
        unique: list[Sequence[str | None]] = [
            self._inspector.get_pk_constraint(table, schema=schema)["constrained_columns"],
            *(constraint["column_names"] for constraint in constraints),
            *(index["column_names"] for index in indexes if index["unique"]),
        ]
        return [name] in [list(columns) for columns in unique]


def _setting_of(field: str) -> str:
    return "identifiers" if field == "username" else field
