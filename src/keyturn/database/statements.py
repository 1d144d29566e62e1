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
    LargeBinary,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
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
    with. Each row is a list: SQLite finds a position five times as fast as a name. Bytes, which JSON lacks, are sent as
    hexadecimal.
    """

    def __init__(self, database: Database, columns: Mapping[str, Column[Any]]) -> None:
        dialect = database.dialect
        given = bindparam(_PARAMETER, type_=Text())
        rows = func.json_each(given) if database.is_sqlite else func.json_array_elements(cast(given, JSON))
        value = rows.table_valued("value").c.value

        def read(place: int, of: Column[Any]) -> ColumnElement[Any]:
            is_bytes = isinstance(of.type, LargeBinary)
            if database.is_sqlite:
                field = func.json_extract(value, literal_column(f"'$[{place}]'"), type_=of.type)
                return func.unhex(field, type_=of.type) if is_bytes else field
            text = value.op("->>")(literal_column(str(place)))
            return func.decode(text, "hex", type_=of.type) if is_bytes else cast(text, of.type)

        self.table = select(*(read(place, columns[name]).label(name) for place, name in enumerate(columns))).subquery(
            "given"
        )
        # The dialect's own type: SQLite's knows the text form of times that sorts in order.
        self._processes = {
            name: _hex if isinstance(of.type, LargeBinary) else of.type.dialect_impl(dialect).bind_processor(dialect)
            for name, of in columns.items()
        }

    def parameter(self, rows: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
        """Return the parameter that holds the rows, without fields that are not columns."""
        columns = self._processes.items()
        lists = [[process(row[name]) if process else row[name] for name, process in columns] for row in rows]
        # SQLite ends a text at NUL, and PostgreSQL's texts cannot hold it.
        text = msgspec.json.encode(lists).decode()
        return {_PARAMETER: _NUL.sub(r"\1", text) if "\\u0000" in text else text}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
