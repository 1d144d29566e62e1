"""Checks the settings of a table against the live database, and finds the columns that they name.

Every fault is reported under its setting.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.table.active_condition import MappedCondition, parse_active
from keyturn.service.accounts.table.column_values import Value, set_value
from keyturn.service.accounts.table.columns import kind_of, table_called
from keyturn.service.accounts.table.foreign_keys import (
    ForeignKey,
    TableName,
    deletion_order,
    forbidding_keys,
    keeper,
)
from keyturn.service.clock import now
from keyturn.service.database.statements import encoding
from keyturn.service.settings import Ending, TableSettings
from keyturn.service.settings.building import member_name
from keyturn.values import did_you_mean, listed

_FIELDS = ("id", "email", "username", "password", "name", "provider", "kind", "locale")

_OWN_COLUMNS = {"email": ("id",), "username": ("id", "password"), "password": ("id", "email")}
"""Fields of text, and for each the other fields that must not name the same column."""

_NO_IDS = (bool, float, date, datetime)  # types whose values can be written in several ways

_COLLATION = sa.text("""
    SELECT collation_name FROM information_schema.columns
    WHERE table_schema = coalesce(:schema, database())
    AND table_name = :table AND column_name = :column
""")
"""SQLAlchemy's inspector does not show a collation that a column inherits from its table."""

_ENGINE = sa.text("""
    SELECT t.engine
    FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
    WHERE t.table_schema = coalesce(:schema, database())
    AND t.table_name = :table AND e.transactions <> 'YES'
""")
"""The engine of a table if it has no transactions, as MyISAM and Aria: each statement is final."""

Assignments = Mapping[sa.Column[Any], Value]


class MappedEnding(msgspec.Struct, frozen=True):
    """An entry of the settings `delete` or `ends`, checked against the live table.

    `setting`: the name for faults.
    `owner`: the column with the account's id.
    `sets`: the values that the rows get; without any, the rows are deleted.
    `where`: the values that the rows must have.
    """

    setting: str
    table_name: TableName
    owner: sa.Column[Any]
    ending: Ending
    sets: Assignments
    where: Assignments

    @property
    def is_deletion(self) -> bool:
        return not self.sets


class ForbiddenDeletion(NamedTuple):
    """A deletion that the database may forbid.

    `setting`: the name for faults.
    `why`: the reason, as a sentence without its full stop.
    """

    setting: str
    why: str


class MappedTable(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, checked against the live table: every column that they name exists.

    `fields`: the columns, by the fields of an account.
    `active`: the conditions that an active row meets.
    `ignoring_case`: the fields whose columns ignore case by their collation.
    `sets`, `lock`, `unlock`: the columns of the settings `set`, `lock` and `unlock`, with their new
    values.
    `endings`: the endings, in an order that foreign keys allow.
    `forbidden_deletions`: the deletions that foreign keys may forbid.
    `without_transactions`: the changed tables whose engine in MySQL has no transactions, with that
    engine.
    `has_any_encoding`: the database does not check the encoding of texts, so some may not be UTF-8.
    """

    table: sa.Table
    fields: Mapping[str, sa.Column[Any]]
    active: Sequence[MappedCondition]
    ignoring_case: frozenset[str]
    sets: Assignments
    lock: Assignments
    unlock: Assignments
    endings: Sequence[MappedEnding]
    forbidden_deletions: Sequence[ForbiddenDeletion]
    without_transactions: Mapping[str, str]
    has_any_encoding: bool

    @property
    def assignments(self) -> Mapping[str, Assignments]:
        """The columns that get new values, by the names of the settings."""
        return {"set": self.sets, "lock": self.lock, "unlock": self.unlock}


class MappingReader:
    """Checks a table's settings against the live database."""

    def __init__(self, connection: sa.Connection, settings: TableSettings) -> None:
        self._connection = connection
        self._inspector: sa.Inspector = sa.inspect(connection)
        self._settings = settings
        self._faults: list[Fault] = []

    def mapping(self, hash_length: int) -> MappedTable:
        """Return the settings, checked.

        `hash_length`: characters of a hash. Raises SettingsInvalid with all faults at once.
        """
        table = self._table("table", self._settings.table)
        if table is None:
            raise SettingsInvalid(self._faults)
        fields = self._fields(table)
        active = list(self._active_conditions(table))
        sets = dict(self._assignments("set", table, self._settings.set))
        lock = dict(self._assignments("lock", table, self._settings.lock))
        unlock = dict(self._assignments("unlock", table, self._settings.unlock))
        endings = list(self._endings())
        keys = self._forbidding_keys(endings)
        self._check_texts(fields)
        if "password" in fields:
            self._check_length(fields["password"], hash_length)
        if "id" in fields:  # otherwise it has a fault already
            self._check_key(table, fields["id"], endings)
        if self._faults:
            raise SettingsInvalid(self._faults)
        changed = [table, *(one.owner.table for one in endings)]
        return MappedTable(
            table=table,
            fields=fields,
            active=active,
            ignoring_case=frozenset(self._ignoring_case(table, fields)),
            sets=sets,
            lock=lock,
            unlock=unlock,
            endings=_in_order(endings, keys),
            forbidden_deletions=list(_forbidden_deletions(endings, keys)),
            without_transactions=dict(self._without_transactions(changed)),
            has_any_encoding=encoding(self._connection) == "SQL_ASCII",
        )

    def _fields(self, table: sa.Table) -> dict[str, sa.Column[Any]]:
        fields = {}
        for field in _FIELDS:
            name = getattr(self._settings, field)
            if name:
                column = self._column(_setting_of(field), table, name)
                if column is not None:
                    fields[field] = column
        return fields

    def _fault(self, setting: str, message: str) -> None:
        self._faults.append(Fault(f"accounts.table.{setting}", message))

    def _table(self, setting: str, name: str) -> sa.Table | None:
        try:
            return table_called(self._connection, name)
        except NoSuchTableError:
            instead = self._tables_instead(name)
            self._fault(setting, f"the database has no table {name}{instead}")
            return None

    def _tables_instead(self, wanted: str) -> str:
        schema, _, name = wanted.rpartition(".")
        existing = [
            *self._inspector.get_table_names(schema or None),
            *self._inspector.get_view_names(schema or None),
        ]
        theirs = sorted(table for table in existing if not table.startswith("keyturn_"))
        if not theirs and schema:
            return f"; the schema {schema} has no tables"
        if not theirs:
            return "; it has no tables"
        return f"{did_you_mean(name, theirs)} (its tables: {listed(theirs)})"

    def _column(self, setting: str, table: sa.Table, name: str) -> sa.Column[Any] | None:
        if name not in table.columns:
            meant = did_you_mean(name, table.columns.keys())
            self._fault(setting, f"the table {table.fullname} has no column {name}{meant}")
        return table.columns.get(name)

    def _active_conditions(self, table: sa.Table) -> Iterator[MappedCondition]:
        for condition in parse_active(self._settings.active):
            column = self._column("active", table, condition.column)
            if column is None:
                continue
            objection = condition.objection(column)
            if objection:
                self._fault("active", objection)
            yield MappedCondition(condition, column)

    def _assignments(
        self, section: str, table: sa.Table, values: Mapping[str, Value], *, written: bool = True
    ) -> Iterator[tuple[sa.Column[Any], Value]]:
        """Yield the columns with their values, and note the faults.

        `written`: the values are set, and not only compared.
        """
        for name, value in values.items():
            setting = f"{section}.{name}"
            column = self._column(setting, table, name)
            if column is None:
                continue
            objection = self._objection_to_writing(table, column) if written else ""
            if objection:
                self._fault(setting, objection)
                continue
            try:
                set_value(column, value, now())
            except ValueError as error:
                self._fault(setting, str(error))
            yield column, value

    def _objection_to_writing(self, table: sa.Table, column: sa.Column[Any]) -> str:
        """Return why a setting may not write the column; "" if it may."""
        settings = self._settings
        own = (settings.id, settings.email, settings.password)
        if column.name in own and self._holds_accounts(table.fullname):
            return (
                "is the column of the id, the address or the password, which a change sets itself"
            )
        if column.computed:
            # MariaDB plans such an UPDATE, and refuses it only when it runs.
            return "is a generated column, which cannot be written: remove it"
        return ""

    def _holds_accounts(self, name: str) -> bool:
        return self._table_name(name) == self._table_name(self._settings.table)

    def _endings(self) -> Iterator[MappedEnding]:
        for entry, ending in self._settings.endings.items():
            setting = member_name("ends", entry) if entry in self._settings.ends else "delete"
            objection = self._objection_to_ending(entry, ending)
            if objection:
                self._fault(setting, objection)
                continue
            if ending.when == "never":
                continue
            name, _, owner = entry.rpartition(".")
            table = self._table(setting, name)
            if table is None:
                continue
            column = self._column(setting, table, owner)
            sets = dict(self._assignments(f"{setting}.set", table, ending.set))
            where = dict(self._assignments(f"{setting}.where", table, ending.where, written=False))
            if column is not None:
                yield MappedEnding(setting, self._table_name(name), column, ending, sets, where)

    def _objection_to_ending(self, entry: str, ending: Ending) -> str:
        """Return why rows of the table of accounts may not end so; "" if they may."""
        name, _, owner = entry.rpartition(".")
        if not self._holds_accounts(name):
            return ""
        if not ending.set:
            why = "is in the table of accounts, so a reset would delete accounts: remove it"
            return f"{entry} {why}"
        if owner != self._settings.id:
            why = "is not the id of an account, so other accounts would be changed"
            return f"{owner} {why}: write {name}.{self._settings.id}"
        return ""

    def _forbidding_keys(self, endings: Sequence[MappedEnding]) -> Sequence[ForeignKey]:
        """Return the foreign keys that can forbid one of the deletions."""
        schemas = {one.owner.table.schema for one in endings if one.is_deletion}
        keys = []
        for schema in schemas:
            for referring, referred in forbidding_keys(self._connection, schema):
                keys.append(
                    ForeignKey(self._spelled_once(*referring), self._spelled_once(*referred))
                )
        return keys

    def _table_name(self, name: str) -> TableName:
        schema, _, bare = name.rpartition(".")
        return self._spelled_once(schema, bare)

    def _spelled_once(self, schema: str | None, name: str) -> TableName:
        """Return the name of a table, for comparisons.

        It is in lower case unless the database is PostgreSQL: only there do names that differ in
        case name different tables on every system.
        """
        schema = schema or self._inspector.default_schema_name or ""
        if self._connection.dialect.name == "postgresql":
            return TableName(schema, name)
        return TableName(schema.lower(), name.lower())

    def _ignoring_case(
        self, table: sa.Table, fields: Mapping[str, sa.Column[Any]]
    ) -> Iterator[str]:
        if self._connection.dialect.name != "mysql":
            return
        for field in ("email", "username"):
            if field in fields:
                names = {"schema": table.schema, "table": table.name, "column": fields[field].name}
                collation = self._connection.execute(_COLLATION, names).scalar()
                if str(collation or "").endswith("_ci"):
                    yield field

    def _without_transactions(self, tables: Iterable[sa.Table]) -> Iterator[tuple[str, str]]:
        if self._connection.dialect.name != "mysql":
            return
        for table in tables:
            names = {"schema": table.schema, "table": table.name}
            engine = self._connection.execute(_ENGINE, names).scalar()
            if engine:
                yield table.fullname, str(engine)

    def _check_texts(self, fields: Mapping[str, sa.Column[Any]]) -> None:
        for field, others in _OWN_COLUMNS.items():
            if field not in fields:
                continue
            column = fields[field]
            if not _holds_text(field, column):
                shown = kind_of(column).shown
                self._fault(
                    _setting_of(field),
                    f"the column {column.name} must contain text, but is {shown}",
                )
            for other in others:
                if column is fields.get(other):
                    why = f"is also the one of {other}: choose another"
                    self._fault(_setting_of(field), f"the column {column.name} {why}")

    def _check_length(self, password: sa.Column[Any], hash_length: int) -> None:
        kind = kind_of(password)
        if kind.length and kind.length < hash_length:
            self._fault(
                "password",
                f"the column {password.name} is {kind.shown}, but a hash has {hash_length} "
                "characters: make the column longer",
            )

    def _check_key(
        self, table: sa.Table, key: sa.Column[Any], endings: Iterable[MappedEnding]
    ) -> None:
        kind = kind_of(key)
        if not self._is_unique(table, key):
            self._fault(
                "id",
                f"the column {key.name} must be the primary key of {table.fullname}, or unique",
            )
        if kind.holds in _NO_IDS and not kind.on_sqlite:
            of_type = f"the column {key.name} is {kind.shown}"
            self._fault("id", f"{of_type}: ids must be whole numbers, UUIDs, texts or bytes")
        for one in endings:
            of_owner = kind_of(one.owner)
            if not _can_be_equal(kind.holds, of_owner.holds):
                what = f"{one.owner.table}.{one.owner.name} is {of_owner.shown}"
                message = (
                    f"{what}, but {table.fullname}.{key.name} is {kind.shown}: they must have "
                    "the same type"
                )
                self._fault(one.setting, message)

    def _is_unique(self, table: sa.Table, column: sa.Column[Any]) -> bool:
        """Tell whether the column is unique. True for a view, whose indexes cannot be read."""
        if table.name in self._inspector.get_view_names(schema=table.schema):
            return True
        for constraint in table.constraints:
            if not isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
                continue
            if constraint.columns.keys() == [column.name]:
                return True
        return any(one.unique and one.columns.keys() == [column.name] for one in table.indexes)


def _setting_of(field: str) -> str:
    return "identifiers" if field == "username" else field


def _holds_text(field: str, column: sa.Column[Any]) -> bool:
    kind = kind_of(column)
    if field == "password" and kind.holds is bytes:
        return True
    return kind.holds is str or kind.holds_anything


def _can_be_equal(one: type, other: type) -> bool:
    """Tell whether two columns of these types can hold the same id."""
    if one is other:
        return True
    if {one, other} & {str, object}:
        return True
    return {one, other} == {int, Decimal}


def _in_order(
    endings: Sequence[MappedEnding], keys: Sequence[ForeignKey]
) -> Sequence[MappedEnding]:
    """Return the endings, the deletions in an order that foreign keys allow."""
    deleted = dict.fromkeys(one.table_name for one in endings if one.is_deletion)
    order = deletion_order(deleted, keys)

    def turn(one: MappedEnding) -> int:
        return order.index(one.table_name) if one.table_name in order else 0

    return sorted(endings, key=turn)


def _forbidden_deletions(
    endings: Sequence[MappedEnding], keys: Sequence[ForeignKey]
) -> Iterator[ForbiddenDeletion]:
    deletions = [one for one in endings if one.is_deletion]
    deleted = {one.table_name: one.ending.when for one in deletions}
    for one in deletions:
        # What ends with every change is deleted with an intrusion, too.
        moments = {"change", one.ending.when}
        together = [name for name, when in deleted.items() if when in moments]
        name = keeper(one.table_name, together, keys)
        if name:
            rows = f"rows of {name} that refer to deleted rows of {one.owner.table}"
            yield ForbiddenDeletion(one.setting, f"{rows} stay, which the database forbids")
