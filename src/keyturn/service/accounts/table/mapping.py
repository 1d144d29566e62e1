"""Checks the settings of a table against the live database: the column of each, or every fault by its setting."""

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Inspector, RowMapping, column, func, inspect, select, table, text
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SAWarning
from sqlalchemy.sql.elements import ColumnElement, quoted_name
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import UserDefinedType

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.table.columns import PRISMA, Column, column_of, likely_times, recognise_times, set_value
from keyturn.service.accounts.table.foreign_keys import Deletions, Place, read_foreign_keys
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


def table_clause(name: TableName, columns: Sequence[Column], dialect: str) -> TableClause:
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
        known = {choice.lower() for choice in column.choices}
        for value in self.values:
            if value.lower() not in known:
                there = ", ".join(column.choices)
                meant = did_you_mean(value, column.choices)
                return f"the column {self.column} never contains {value}{meant} (its values are {there})"
        if not self.values and not column.nullable and known.isdisjoint(FALSE):
            there = ", ".join(column.choices)
            return f"none of {there} means no: list the active values, as in {self.column} = {column.choices[0]}"
        return ""


_FIELDS = (
    "id",
    "email",
    "username",
    "password",
    "name",
    "active",
    "provider",
    "kind",
    "locale",
    "timezone",
)
_SHOWN_TABLES = 12
_LOOKED_AT, _SIBLINGS = 50, 8
"""Rows and columns that are read to recognise the form of a time."""

_NO_IDS = (bool, float, date, datetime)
"""Types whose values can be written in several ways."""


Assignments = tuple[tuple[Column, bool | float | str], ...]


class MappedEnding(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `delete` or `ends`, checked. `owner`: the column with the account's id. `setting`: for faults."""

    setting: str
    table: TableName
    owner: Column
    ending: Ending
    sets: Assignments = ()
    where: Assignments = ()


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, checked against the live table: every name in it exists.

    `fields`: the named columns, by the fields of an account.

    `sets`, `locks`, `unlocks`: columns and their new values.

    `folding`: the fields whose columns ignore case by themselves, so that their indexes serve.

    `endings`: in the order in which foreign keys allow them. `held`: why entries of `delete` may fail.
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
    held: tuple[str, ...] = ()


def read_mapping(connection: Connection, settings: TableSettings, hash_length: int) -> Mapping:
    """Return the columns that the settings name. Raises SettingsInvalid with all wrong names at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type that SQLAlchemy does not know: most are of other columns
        return MappingReader(connection, settings).mapping(hash_length)


class MappingReader:
    """Reads a mapping from a connection, and collects the faults of the settings."""

    def __init__(self, connection: Connection, settings: TableSettings) -> None:
        self._connection = connection
        self.inspector: Inspector = inspect(connection)
        self.dialect = connection.dialect.name
        self._settings = settings
        self._active = Flag(settings.active)
        self._faults: list[Fault] = []

    def mapping(self, hash_length: int) -> Mapping:
        table = parse_table_name(self._settings.table)
        columns = self.columns_of("table", table)
        if columns is None:
            raise SettingsInvalid(self._faults)
        settings = self._settings
        columns |= self.with_time_formats(table, columns, {**settings.set, **settings.lock, **settings.unlock})
        mapping = Mapping(
            table=table,
            fields=self._fields(table, columns),
            active=self._active,
            folding=frozenset(field for field in ("email", "username") if self._folds_case(table, field)),
            password_providers=self._settings.password_providers,
            sets=tuple(self._assignments("set", settings.set, table, columns)),
            locks=tuple(self._assignments("lock", settings.lock, table, columns)),
            unlocks=tuple(self._assignments("unlock", settings.unlock, table, columns)),
            endings=tuple(self._endings(table)),
        )
        endings, held = self._in_order(mapping.endings)
        mapping = msgspec.structs.replace(mapping, endings=tuple(endings), held=tuple(held))
        self._check(mapping, hash_length)
        if self._faults:
            raise SettingsInvalid(self._faults)
        return mapping

    def fault(self, setting: str, message: str) -> None:
        self._faults.append(Fault(f"accounts.table.{setting}", message))

    def columns_of(self, setting: str, table: TableName) -> dict[str, Column] | None:
        try:
            found = self.inspector.get_columns(table.name, schema=table.schema)
        except NoSuchTableError:
            self.fault(setting, f"the database has no table {table}" + self._tables_instead(table))
            return None
        return {column["name"]: column_of(column, self.dialect) for column in found}

    def _tables_instead(self, table: TableName) -> str:
        where = {"schema": table.schema}
        there = [*self.inspector.get_table_names(**where), *self.inspector.get_view_names(**where)]
        theirs = sorted(name for name in there if not name.startswith("keyturn_"))
        if not theirs:
            return "; it has no tables" if not table.schema else f"; the schema {table.schema} has no tables"
        more = f" and {len(theirs) - _SHOWN_TABLES} more" if len(theirs) > _SHOWN_TABLES else ""
        return f"{did_you_mean(table.name, theirs)} (its tables: {', '.join(theirs[:_SHOWN_TABLES])}{more})"

    def with_time_formats(
        self, table: TableName, columns: dict[str, Column], assigned: dict[str, bool | int | float | str]
    ) -> dict[str, Column]:
        """Return the columns that are set to the time, with the form of their times.

        Their own values show it, or those of columns of the same type whose names suggest times. A few rows are read;
        if that is not allowed or shows nothing, the type decides.
        """
        wanted = [
            column
            for name, given in assigned.items()
            if given == "{now}" and (column := columns.get(name)) and not column.has_native_times
        ]
        alike = {
            one.name: [one.name, *(name for name in likely_times(columns) if columns[name].holds is one.holds)]
            for one in wanted
        }
        read = {name for names in alike.values() for name in names[:_SIBLINGS]}
        rows = self._sample(table, [columns[name] for name in sorted(read)])
        return {one.name: self._with_time_format(table, one, alike[one.name][:_SIBLINGS], rows) for one in wanted}

    def _with_time_format(
        self, table: TableName, column: Column, names: Sequence[str], rows: Sequence[RowMapping]
    ) -> Column:
        for name in names:
            if told := recognise_times([row[name] for row in rows], days=name == column.name):
                return msgspec.structs.replace(column, time_format=told, format_of=name)
        if column.on_sqlite and column.holds is datetime and self._is_prismas(table):
            return msgspec.structs.replace(column, time_format=PRISMA)
        return column

    def _sample(self, table: TableName, columns: Sequence[Column]) -> Sequence[RowMapping]:
        if not columns:
            return []
        of_table = table_clause(table, columns, self.dialect)
        try:
            return self._connection.execute(select(*of_table.c).limit(_LOOKED_AT)).mappings().all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return []

    def _is_prismas(self, table: TableName) -> bool:
        """Return whether Prisma made the table: by its own table of migrations, or by its name for a unique index."""
        made = {f"{table.name}_{self._settings.email}_key", f"{table.name}_{self._settings.id}_key"}
        names = {index["name"] for index in self.inspector.get_indexes(table.name, schema=table.schema)}
        return not made.isdisjoint(names) or self.inspector.has_table("_prisma_migrations")

    def _fields(self, table: TableName, columns: dict[str, Column]) -> dict[str, Column]:
        found = {}
        for field in _FIELDS:
            name = self._active.column if field == "active" else getattr(self._settings, field)
            setting = "identifiers" if field == "username" else field
            if name and (column := self._column(setting, table, columns, name)):
                found[field] = column
            if not name and field in {"id", "email"}:
                self.fault(field, f"missing: set a column of {table} ({', '.join(columns)})")
        return found

    def _column(self, setting: str, table: TableName, columns: dict[str, Column], name: str) -> Column | None:
        if name not in columns:
            self.fault(setting, f"the table {table} has no column {name}" + did_you_mean(name, columns))
        return columns.get(name)

    def _assignments(
        self, section: str, values: dict[str, bool | int | float | str], table: TableName, columns: dict[str, Column]
    ) -> Iterable[tuple[Column, bool | float | str]]:
        for name, given in values.items():
            setting = f"{section}.{name}"
            column = self._column(setting, table, columns, name)
            if column is None:
                continue
            if name in self._own_columns(table):
                self.fault(setting, "is the column of the id, the address or the password, which a change sets itself")
                continue
            if column.is_computed:  # MariaDB plans such an UPDATE, and refuses it only when it runs
                self.fault(setting, "is a generated column, which cannot be written: remove it")
                continue
            self._check_value(setting, column, given)
            yield column, given

    def _own_columns(self, table: TableName) -> tuple[str, ...]:
        """Return the columns of the id, the address and the password, if the table is the one of the accounts."""
        settings = self._settings
        is_own = self._qualified_name(table) == self._qualified_name(parse_table_name(settings.table))
        return (settings.id, settings.email, settings.password) if is_own else ()

    def _check_value(self, setting: str, column: Column, given: bool | float | str) -> None:
        try:
            set_value(column, given, now())
        except ValueError as error:
            self.fault(setting, str(error))

    def _endings(self, accounts: TableName) -> Iterable[MappedEnding]:
        for entry, ending in self._settings.endings.items():
            setting = member_name("ends", entry) if entry in self._settings.ends else "delete"
            name, _, owner = entry.rpartition(".")
            table = parse_table_name(name)
            if not ending.set and self._qualified_name(table) == self._qualified_name(accounts):
                self.fault(setting, f"{entry} is in the table of accounts, so a reset would delete accounts: remove it")
            elif ending.set and self._own_columns(table) and owner != self._settings.id:
                mend = f"write {name}.{self._settings.id}"
                self.fault(setting, f"{owner} is not the id of an account, so other accounts would be changed: {mend}")
            elif ending.when != "never" and (columns := self.columns_of(setting, table)) is not None:
                columns |= self.with_time_formats(table, columns, ending.set)
                if column := self._column(setting, table, columns, owner):
                    yield MappedEnding(
                        setting=setting,
                        table=table,
                        owner=column,
                        ending=ending,
                        sets=tuple(self._assignments(f"{setting}.set", ending.set, table, columns)),
                        where=tuple(self._conditions(f"{setting}.where", ending.where, table, columns)),
                    )

    def _in_order(self, endings: Sequence[MappedEnding]) -> tuple[list[MappedEnding], list[str]]:
        """Return the endings, a referring table before the other, and why entries of `delete` may fail.

        For an entry of `ends` that is a fault; one of `delete` works as long as no row refers to its rows.
        """
        tables: dict[Place, bool] = {}
        for one in endings:
            if not one.sets:
                place = self._qualified_name(one.table)
                tables[place] = tables.get(place, False) or one.ending.when == "change"
        keys = read_foreign_keys(self._connection) if tables else []
        folded = (key._replace(referring=self._fold(key.referring), referred=self._fold(key.referred)) for key in keys)
        deletions, held = Deletions(tables, folded), []
        for one in endings:
            if one.sets or not (why := deletions.objection(self._qualified_name(one.table))):
                continue
            if one.setting == "delete":
                held.append(f"{one.table}.{one.owner.name}: {why}")
            else:
                self.fault(one.setting, why)
        return sorted(endings, key=lambda one: deletions.turns.get(self._qualified_name(one.table), 0)), held

    def _conditions(
        self, section: str, values: dict[str, bool | int | float | str], table: TableName, columns: dict[str, Column]
    ) -> Iterable[tuple[Column, bool | float | str]]:
        for name, given in values.items():
            if column := self._column(f"{section}.{name}", table, columns, name):
                self._check_value(f"{section}.{name}", column, given)
                yield column, given

    def _qualified_name(self, table: TableName) -> tuple[str, str]:
        """Return the name with its schema. Only PostgreSQL distinguishes capitals on every system."""
        return self._fold((table.schema or self.inspector.default_schema_name or "", table.name))

    def _fold(self, place: Place) -> Place:
        return place if self.dialect == "postgresql" else (place[0].lower(), place[1].lower())

    def _folds_case(self, table: TableName, field: str) -> bool:
        if self.dialect != "mysql" or not (column := getattr(self._settings, field)):
            return False
        # SQLAlchemy's inspector does not show the collation that a column inherits from its table.
        asked = (
            "SELECT collation_name FROM information_schema.columns WHERE table_schema = coalesce(:schema, database())"
        )
        names = {"schema": table.schema, "table": table.name, "column": column}
        found = self._connection.execute(text(f"{asked} AND table_name = :table AND column_name = :column"), names)
        return str(found.scalar() or "").endswith("_ci")

    def _check(self, mapping: Mapping, hash_length: int) -> None:
        fields = mapping.fields
        for field, setting in (("email", "email"), ("username", "identifiers"), ("password", "password")):
            column = fields.get(field)
            if column and column.holds is not str and not column.holds_anything:
                self.fault(setting, f"the column {column.name} must contain text, but is {column.shown}")
        for field, others in (("email", ("id",)), ("password", ("id", "email")), ("username", ("id", "password"))):
            for other in others:
                if field in fields and fields[field] == fields.get(other):
                    setting = "identifiers" if field == "username" else field
                    self.fault(setting, f"the column {fields[field].name} is also the one of {other}: choose another")
        if "active" in fields and (objection := self._active.objection(fields["active"])):
            self.fault("active", objection)
        password = fields.get("password")
        if password and password.length is not None and password.length < hash_length:
            room = f"the column {password.name} is {password.shown}"
            self.fault("password", f"{room}, but a hash has {hash_length} characters: make the column longer")
        if key := fields.get("id"):
            self._check_key(key, mapping)

    def _check_key(self, key: Column, mapping: Mapping) -> None:
        table = mapping.table
        if not has_unique_index(self._connection, table, key.name):
            self.fault("id", f"the column {key.name} must be the primary key of {table}, or unique")
        if key.holds in _NO_IDS and not key.on_sqlite:
            self.fault("id", f"the column {key.name} is {key.shown}: ids must be whole numbers, UUIDs, texts or bytes")
        for one in mapping.endings:
            held = {key.holds, one.owner.holds}
            if len(held) > 1 and not held & {str, object} and held != {int, Decimal}:
                what = f"{one.table}.{one.owner.name} is {one.owner.shown}"
                self.fault(one.setting, f"{what}, but {table}.{key.name} is {key.shown}: they must have the same type")


def has_unique_index(connection: Connection, table: TableName, on: str) -> bool:
    """Return whether a column, or an expression such as `lower(username)`, is unique; True for a view."""
    inspector: Inspector = inspect(connection)
    if table.name in inspector.get_view_names(schema=table.schema):
        return True
    where: dict[str, Any] = {"table_name": table.name, "schema": table.schema}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # SQLite's indexes of expressions, which are read below
        indexes = [index for index in inspector.get_indexes(**where) if index["unique"]]
        constraints = inspector.get_unique_constraints(**where)
    unique: list[Sequence[str | None]] = [inspector.get_pk_constraint(**where)["constrained_columns"]]
    unique += [constraint["column_names"] for constraint in constraints]
    unique += [index["column_names"] for index in indexes]
    expressions = [index["expressions"] for index in indexes if len(index.get("expressions", ())) == 1]
    written = [each for (each,) in expressions]
    if connection.dialect.name == "sqlite":
        of_table = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql LIKE '%UNIQUE%'"
        made = connection.execute(text(of_table), {"name": table.name}).scalars()
        written += [sql.partition("(")[2].rpartition(")")[0] for sql in made]
    # PostgreSQL shows lower((username)::text).
    bare = {re.sub(r"::\w+( varying)?|[\s\"`()]", "", each).lower() for each in written}
    return [on] in [list(columns) for columns in unique] or re.sub(r"[()]", "", on).lower() in bare
