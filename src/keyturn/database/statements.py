"""INSERTs in the connection's dialect: SQLAlchemy's core has no ON CONFLICT."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    FromClause,
    LargeBinary,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import sqlite

from keyturn.database.database import Database, Model

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_into(model: type[Model], dialect: Dialect) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT into the model's table, to which ON CONFLICT can be added."""
    table: Any = model.__table__
    if dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def insert_if(database: Database, row: type[Model], names: Iterable[str], **computed: ColumnElement[Any]) -> Any:
    """Return `INSERT ... SELECT ... WHERE :wanted`, to which ON CONFLICT and RETURNING may be added.

    It writes a row or none, with the same statement and the same work for the database. So neither the statements nor
    their number tell an existing account from a missing one (OWASP ASVS 6.3.8). Each of `names` is a column and a
    parameter; the database computes the `computed` columns.
    """
    columns = row.__table__.c
    values = {name: bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = select(*values.values()).where(bindparam("wanted", type_=Boolean()))
    return insert_into(row, database.dialect).from_select(list(values), chosen)


# Many rows as one parameter. A list of parameters costs several steps of Python for each value, in SQLAlchemy and
# again in the driver. One text costs one step, and both databases read JSON. The statement is the same for any rows.


_PARAMETER = "given_rows"
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""NUL as JSON escapes it, but not an escaped backslash followed by the same letters."""


class ManyRows:
    """Rows as a parameter of a statement: `table` is the selectable with them.

    Each of `columns` has the name of a field in the rows, and the type of the column that it is written to or compared
    with. Bytes, which JSON lacks, are sent as hexadecimal.
    """

    def __init__(self, database: Database, columns: Mapping[str, Column[Any]]) -> None:
        self._is_sqlite = database.is_sqlite
        self.table = _places(columns) if self._is_sqlite else _fields(columns)
        dialect = database.dialect
        # The dialect's own type: SQLite's knows the text form of times that sorts in order.
        self._processes = {
            name: _hex if _is_bytes(of) else of.type.dialect_impl(dialect).bind_processor(dialect)
            for name, of in columns.items()
        }

    def parameter(self, rows: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
        """Return the parameter that holds the rows, without fields that are not columns."""
        columns = self._processes.items()
        if self._is_sqlite:
            given = [[process(row[name]) if process else row[name] for name, process in columns] for row in rows]
            return {_PARAMETER: _encode(given)}
        fields = [{name: process(row[name]) if process else row[name] for name, process in columns} for row in rows]
        return {_PARAMETER: _encode(fields)}


def _encode(rows: Any) -> str:
    """Return JSON without NUL: SQLite ends a text at NUL, and PostgreSQL's texts cannot hold it."""
    text = msgspec.json.encode(rows).decode()
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _places(columns: Mapping[str, Column[Any]]) -> FromClause:
    """Return the columns of rows as lists: SQLite finds a position in a list five times as fast as a name."""
    rows = func.json_each(bindparam(_PARAMETER, type_=Text())).table_valued("value")
    values = [
        (
            func.unhex(func.json_extract(rows.c.value, f"$[{place}]"), type_=of.type)
            if _is_bytes(of)
            else func.json_extract(rows.c.value, f"$[{place}]", type_=of.type)
        ).label(name)
        for place, (name, of) in enumerate(columns.items())
    ]
    return select(*values).subquery("given")


def _fields(columns: Mapping[str, Column[Any]]) -> FromClause:
    """Return the columns of rows as objects, as PostgreSQL expects them."""
    typed = [column(name, Text() if _is_bytes(of) else of.type) for name, of in columns.items()]
    rows = func.json_to_recordset(cast(bindparam(_PARAMETER, type_=Text()), JSON)).table_valued(*typed)
    table = rows.render_derived("fields", with_types=True)
    values = [
        func.decode(table.c[name], "hex", type_=of.type).label(name) if _is_bytes(of) else table.c[name]
        for name, of in columns.items()
    ]
    return select(*values).subquery("given")


def _is_bytes(column: Column[Any]) -> bool:
    return isinstance(column.type, LargeBinary)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
