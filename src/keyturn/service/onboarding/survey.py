"""Reads the tables of an app's database, and changes nothing there."""

import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

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


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table as its database describes it.

    `key`: the column of its primary key; "" if it has none or several.
    `points_to`: its foreign keys of one column, each as the column, the full name of the other
    table, and the other column.
    `holds`: tables whose rows cannot be deleted while a row of this table refers to them.
    """

    name: str
    columns: dict[str, Column[Any]]
    key: str = ""
    points_to: tuple[tuple[str, str, str], ...] = ()
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
    return {
        other: table
        for other, table in tables.items()
        if other.rpartition(".")[0] == schema
        or any(target == name for _, target, _ in table.points_to)
    }


def tables_in(connection: Connection) -> dict[str, Table]:
    inspector, schemas = inspect(connection), list[str | None]([None])  # the connection's own
    if connection.dialect.name == "postgresql":  # elsewhere, others are of other apps
        others = {*inspector.get_schema_names()} - {
            inspector.default_schema_name,
            "information_schema",
        }
        schemas += sorted(name for name in others if not name.startswith("pg_"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type unknown to SQLAlchemy
        tables: dict[str, Table] = {}
        for schema in schemas:
            reflected = empty_schema()
            reflected.reflect(connection, schema=schema, views=True, resolve_fks=False)
            theirs = (
                one for one in reflected.tables.values() if not one.name.startswith("keyturn_")
            )
            tables |= {table.name: table for table in map(_table_of, theirs)}
            for referring, referred in forbidding_keys(connection, schema):
                own, other = _full_name(*referring), _full_name(*referred)
                if own in tables and own != other:
                    tables[own] = msgspec.structs.replace(
                        tables[own], holds=tables[own].holds | {other}
                    )
    return tables


def _table_of(one: Reflected) -> Table:
    key = one.primary_key.columns.keys()  # a view has none
    references = (
        constraint.elements[0]
        for constraint in one.foreign_key_constraints
        if len(constraint.elements) == 1
    )
    targets = {
        reference.parent.name: reference.target_fullname.rpartition(".") for reference in references
    }
    return Table(
        name=str(one.fullname),
        # As plain str: SQLAlchemy's own kind of text is no good key.
        columns={str(name): column for name, column in one.columns.items()},
        key=str(*key) if len(key) == 1 else "",
        points_to=tuple((str(name), table, column) for name, (table, _, column) in targets.items()),
    )


def _full_name(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name
