"""Reads the tables of an app's database, and changes nothing there."""

import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, Connection, inspect
from sqlalchemy import Table as Reflected
from sqlalchemy.exc import DBAPIError, SAWarning

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.columns import empty_schema
from keyturn.service.accounts.table.foreign_keys import forbidding_keys
from keyturn.service.database.unready import describe_error
from keyturn.service.problems.requests import AccountsUnready


class Reference(NamedTuple):
    """A foreign key of one column.

    `table`: the full name of the other table.
    `key`: the column there.
    """

    column: str
    table: str
    key: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table as its database describes it.

    `key`: the column of its primary key; "" if it has none or several.
    `references`: its foreign keys of one column.
    `holds`: tables whose rows cannot be deleted while a row of this table refers to them.
    """

    name: str
    columns: dict[str, Column[Any]]
    key: str = ""
    references: tuple[Reference, ...] = ()
    holds: frozenset[str] = frozenset()


@asynccontextmanager
async def app_database(url: str) -> AsyncIterator[AppDatabase]:
    """Open the app's database for the block.

    Raises SettingsInvalid, with the driver's message, if the block cannot read it.
    """
    database = AppDatabase(url)
    try:
        yield database
    except (AccountsUnready, DBAPIError, OSError) as error:
        why = f"{database.where} cannot be read: {describe_error(error)}"
        raise SettingsInvalid.of("accounts.table.url", why) from error
    finally:
        await database.close()


def tables_of_its_app(name: str, tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables of the same schema as `name`, and those with a foreign key to it.

    Other tables may belong to another app, or to another tenant.
    """
    schema = name.rpartition(".")[0]
    own = {}
    for other, table in tables.items():
        refers = any(reference.table == name for reference in table.references)
        if refers or other.rpartition(".")[0] == schema:
            own[other] = table
    return own


def tables_in(connection: Connection) -> dict[str, Table]:
    """Return the tables and views of the app, by their full names."""
    tables: dict[str, Table] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type unknown to SQLAlchemy
        for schema in _schemas(connection):
            reflected = empty_schema()
            reflected.reflect(connection, schema=schema, views=True, resolve_fks=False)
            held = _held_tables(connection, schema)
            for table in reflected.tables.values():
                if not table.name.startswith("keyturn_"):
                    name = str(table.fullname)
                    tables[name] = _table(table, held.get(name, set()))
    return tables


def _schemas(connection: Connection) -> list[str | None]:
    """Return the schemas that may be the app's; None is the connection's own."""
    if connection.dialect.name != "postgresql":  # other schemas are other apps' databases
        return [None]
    inspector = inspect(connection)
    not_apps = {inspector.default_schema_name, "information_schema"}
    names = {*inspector.get_schema_names()} - not_apps
    return [None, *sorted(name for name in names if not name.startswith("pg_"))]


def _held_tables(connection: Connection, schema: str | None) -> dict[str, set[str]]:
    """Return for each table those whose rows cannot be deleted while it refers to them."""
    held: dict[str, set[str]] = {}
    for referring, referred in forbidding_keys(connection, schema):
        own = _full_name(*referring)
        other = _full_name(*referred)
        if own != other:
            held.setdefault(own, set()).add(other)
    return held


def _table(table: Reflected, held: set[str]) -> Table:
    key = table.primary_key.columns.keys()  # a view has none
    return Table(
        name=str(table.fullname),
        # As plain str: SQLAlchemy's own kind of text is no good key.
        columns={str(name): column for name, column in table.columns.items()},
        key=str(key[0]) if len(key) == 1 else "",
        references=tuple(_references(table)),
        holds=frozenset(held),
    )


def _references(table: Reflected) -> Iterator[Reference]:
    """Yield the foreign keys of one column, in the order of the columns."""
    constraints = table.foreign_key_constraints  # a set, as a column's keys are
    single = {one.elements[0] for one in constraints if len(one.elements) == 1}
    for name, column in table.columns.items():
        targets = [key.target_fullname for key in column.foreign_keys if key in single]
        for target in sorted(targets):
            other, _, key = target.rpartition(".")
            yield Reference(str(name), other, key)


def _full_name(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name
