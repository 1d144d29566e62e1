"""Reads an app's database: its tables, and values of a few rows. Changes nothing."""

import re
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Inspector, Text, case, cast, column, func, inspect, select, table
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.sql.elements import quoted_name

from keyturn.errors import KeyturnError
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import Column, column_of
from keyturn.service.accounts.table.foreign_keys import forbidding_keys
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import AccountsUnready

_NOT_THE_APPS = ("information_schema", "mysql", "performance_schema", "sys")
_TEXT = r"'(?:[^']|'')*'"
_LISTED = re.compile(
    rf"""[(\s]*["`]?(?P<column>\w+)["`]?[)\s]*(?:::[\w\s]+?)?\s*
    (?:IN\s*\((?P<in>(?:{_TEXT}|[^')])*)|=\s*ANY\s*\(+ARRAY\[(?P<array>(?:{_TEXT}|[^'\]])*))""",
    re.IGNORECASE | re.VERBOSE,
)
_ROWS = 50
"""Enough to find the most common format."""
_LONGEST = 320
"""Characters of a value: addresses and hashes are never longer."""


class NotReached(KeyturnError):
    """The app's database cannot be read; the text says why."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table as its database describes it. `key`: its primary key column, "" if it has none or several.

    `points_to`: its foreign keys of one column, each as the column, the full name of the other table, and its column.

    `holds`: tables whose rows cannot be deleted while a row of this one refers to them.

    `values`: texts of some rows, by column, after `sample_values`.
    """

    name: str
    columns: dict[str, Column]
    key: str = ""
    points_to: tuple[tuple[str, str, str], ...] = ()
    holds: frozenset[str] = frozenset()
    values: Mapping[str, Sequence[str]] = {}


async def read_tables(url: str) -> dict[str, Table]:
    """Return the tables by their names. Raises SettingsInvalid, or NotReached with the driver's message."""
    async with _open_database(url) as database:
        return await database.read(_tables_in)


async def sample_values(url: str, tables: Sequence[Table]) -> dict[str, Table]:
    """Return the tables with the values of a few rows, cut off. An unreadable table is returned unchanged."""

    def sample(connection: Connection) -> dict[str, Table]:
        sampled = {}
        for one in tables:
            try:
                sampled[one.name] = msgspec.structs.replace(one, values=_values_of(connection, one))
            except DBAPIError:
                sampled[one.name] = one
        return sampled

    async with _open_database(url) as database:
        return await database.read(sample)


def tables_of_its_app(name: str, tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables of the same schema, or with a foreign key to it: others may be another app's, or tenant's."""
    schema = name.rpartition(".")[0]
    return {
        other: table
        for other, table in tables.items()
        if other.rpartition(".")[0] == schema or any(target == name for _, target, _ in table.points_to)
    }


@asynccontextmanager
async def _open_database(url: str) -> AsyncIterator[AppDatabase]:
    database = AppDatabase(url)
    try:
        yield database
    except (AccountsUnready, DBAPIError, OSError) as error:
        raise NotReached(f"{database.where} cannot be read: {describe_error(error)}") from error
    finally:
        await database.close()


def _values_of(connection: Connection, one: Table) -> dict[str, list[str]]:
    names = [name for name, known in one.columns.items() if known.holds in (str, int) or known.on_sqlite]
    if not names:
        return {}
    schema, _, bare = one.name.rpartition(".")
    of_table = table(quoted_name(bare, quote=True), schema=quoted_name(schema, quote=True) if schema else None)
    begun = [_beginning(one.columns[name]).label(f"c{place}") for place, name in enumerate(names)]
    rows = connection.execute(select(*begun).select_from(of_table).limit(_ROWS)).all()
    return {name: [text for row in rows if (text := str(row[place] or "").strip())] for place, name in enumerate(names)}


def _beginning(known: Column) -> ColumnElement[str]:
    stored: ColumnElement[Any] = column(quoted_name(known.name, quote=True))
    text = func.substr(cast(stored, Text), 1, _LONGEST)
    return case((func.typeof(stored) != "blob", text)) if known.on_sqlite else text


def _tables_in(connection: Connection) -> dict[str, Table]:
    inspector = inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type unknown to SQLAlchemy
        tables: dict[str, Table] = {}
        for schema in _schema_names(inspector):
            tables |= _tables_of(inspector, schema)
            for referring, referred in forbidding_keys(connection, schema):
                own, other = _full_name(*referring), _full_name(*referred)
                if own in tables and own != other:
                    tables[own] = msgspec.structs.replace(tables[own], holds=tables[own].holds | {other})
    return tables


def _schema_names(inspector: Inspector) -> Sequence[str | None]:
    """Return the schemas to read, None first for the connection's own. Only PostgreSQL has others of the same app."""
    if inspector.dialect.name != "postgresql":
        return [None]
    others = (name for name in inspector.get_schema_names() if name != inspector.default_schema_name)
    return [None, *(name for name in others if not name.startswith("pg_") and name not in _NOT_THE_APPS)]


def _tables_of(inspector: Inspector, schema: str | None) -> dict[str, Table]:
    keys = inspector.get_multi_pk_constraint(schema=schema)
    references = inspector.get_multi_foreign_keys(schema=schema)
    checks = inspector.get_multi_check_constraints(schema=schema)
    tables = {}
    for place, columns in inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY).items():
        if place[1].startswith("keyturn_"):
            continue
        known = keys.get(place)  # a view has none
        key = known["constrained_columns"] if known else []
        reflected = (column_of(one, inspector.dialect.name) for one in columns)
        tables[_full_name(*place)] = Table(
            name=_full_name(*place),
            columns={one.name: _with_choices(one, checks.get(place, [])) for one in reflected},
            key=key[0] if len(key) == 1 else "",
            points_to=tuple(
                (own[0], _full_name(one["referred_schema"], one["referred_table"]), one["referred_columns"][0])
                for one in references.get(place, [])
                if len(own := one["constrained_columns"]) == 1
            ),
        )
    return tables


def _with_choices(column: Column, checks: Sequence[Any]) -> Column:
    """Return the column with the values that a CHECK lists for it, as for an enumerated type.

    PostgreSQL keeps `x IN ('a', 'b')` as `x = ANY (ARRAY['a'::text, 'b'::text])`.
    """
    for check in checks:
        if not column.choices and (listed := _LISTED.match(check["sqltext"])) and listed["column"] == column.name:
            values = re.findall(_TEXT, listed["in"] or listed["array"] or "")
            return msgspec.structs.replace(column, choices=tuple(value[1:-1].replace("''", "'") for value in values))
    return column


def _full_name(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name
