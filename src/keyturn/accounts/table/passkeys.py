"""Finds the columns in which an app's own library keeps passkeys, or every fault by its setting."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from keyturn.accounts.passkeys import FORMATS, Format, MappedPasskeys, PasskeyRows, PlacedPasskeys
from keyturn.accounts.table.columns import Column
from keyturn.accounts.table.mapping import MappingReader, parse_table_name, table_clause
from keyturn.accounts.table.statements import Statements
from keyturn.database import now
from keyturn.database.database import DatabaseAccess
from keyturn.settings import PasskeyTableSettings
from keyturn.settings.building import did_you_mean

_SHORTEST: Mapping[str, int] = {"credential": 200, "public_key": 400, "handle": 43}
"""Characters that a column of text must have room for: ids of common authenticators, and keys of the accepted
algorithms. A longer id of a rare security key is refused when it is used."""


def map_passkeys(reader: MappingReader, settings: PasskeyTableSettings) -> PasskeyRows | None:
    """Return the rows of the table that the settings name; None after a fault."""
    known = FORMATS[settings.format]
    table = parse_table_name(settings.table or known.table)
    there = reader.columns_of("passkeys.table", table)
    if there is None:
        return None
    chosen = _chosen(reader, settings, known, there)
    for field in sorted(known.needed - chosen.keys()):
        message = f"the table {table} has no column {known.columns[field]}{did_you_mean(known.columns[field], there)}"
        reader.fault(f"passkeys.columns.{field}", f"{message}: name the column, in {', '.join(known.columns)}")
    if known.needed - chosen.keys():
        return None
    times = {chosen[field].name: "{now}" for field in ("created_at", "used_at") if field in chosen}
    there |= reader.with_time_formats(table, there, dict[str, bool | int | float | str](times))
    columns = {field: there[column.name] for field, column in chosen.items()}
    for field, shortest in _SHORTEST.items():
        column = columns.get(field)
        if column and column.length is not None and column.length < shortest and column.holds is str:
            reader.fault(f"passkeys.columns.{field}", f"{column.name} is {column.shown}: it must hold {shortest}")
    _check_others(reader, table.name, table.schema, columns)
    generates = "row" in columns and columns["row"].holds in (str, UUID)
    mapped = MappedPasskeys(
        table=table_clause(table, list({one.name: one for one in columns.values()}.values()), reader.dialect),
        columns=columns,
        format=known,
        generates=generates,
    )
    rows = PasskeyRows(mapped)
    try:
        rows.trials(now())
    except ValueError as error:
        reader.fault("passkeys.columns", str(error))
    return rows


def _chosen(
    reader: MappingReader, settings: PasskeyTableSettings, known: Format, there: Mapping[str, Column]
) -> dict[str, Column]:
    """Return the column of each field. A name also matches without its capitals and underscores."""
    alike = {_plain(name): name for name in there}
    chosen = {}
    for field in settings.columns.keys() - known.columns.keys():
        meant = did_you_mean(field, known.columns)
        reader.fault(f"passkeys.columns.{field}", f"is no field{meant}: it has {', '.join(known.columns)}")
    for field, usual in known.columns.items():
        name = settings.columns.get(field, usual)
        if name in there:
            chosen[field] = there[name]
        elif field not in settings.columns and _plain(name) in alike:
            chosen[field] = there[alike[_plain(name)]]
        elif field in settings.columns and name:
            reader.fault(f"passkeys.columns.{field}", f"there is no column {name}{did_you_mean(name, there)}")
    return chosen


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _check_others(reader: MappingReader, table: str, schema: str | None, columns: Mapping[str, Column]) -> None:
    """Name the columns that a new row must fill in and no field does."""
    filled = {column.name for column in columns.values()}
    for column in reader.inspector.get_columns(table, schema=schema):
        if column["name"] not in filled and _must_be_filled(column):
            reader.fault("passkeys.table", f"its column {column['name']} has no default, and Keyturn does not fill it")


def _must_be_filled(column: Any) -> bool:
    has_value = column.get("default") is not None or column.get("autoincrement") is True or "identity" in column
    return not (column["nullable"] or has_value or "computed" in column or column.get("primary_key"))


def table_passkeys(
    place: DatabaseAccess,
    statements: Callable[[], Awaitable[Statements]],
    *,
    joins: bool,
    library: str,
    guarded: Callable[[], AbstractContextManager[None]],
) -> PlacedPasskeys:
    """Return the store of passkeys in an app's table."""

    async def current() -> PasskeyRows:
        rows = (await statements()).passkeys
        assert rows is not None  # the settings name their table
        return rows

    return PlacedPasskeys(place, current, joins=joins, library=library, guarded=guarded)
