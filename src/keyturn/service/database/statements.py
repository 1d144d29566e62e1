"""Statements that both databases share: INSERTs with ON CONFLICT, look-ups by key, many rows as one parameter."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import QueryableAttribute

from keyturn.service.database.batching import Batcher
from keyturn.service.database.database import Database, Model
from keyturn.service.problems.requests import DatabaseUnready

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Result = TypeVar("Result")


def insert_into(model: type[Model], dialect: sa.Dialect) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT into the model's table, to which ON CONFLICT can be added."""
    if dialect.name == "sqlite":
        return sqlite.insert(model.__table__)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(model.__table__)


def insert_if(database: Database, row: type[Model], names: Iterable[str], **computed: sa.ColumnElement[Any]) -> Any:
    """Return `INSERT ... SELECT ... WHERE :wanted`, to which ON CONFLICT and RETURNING may be added.

    It writes a row or none, with the same statement and the same work for the database. So neither the statements nor
    their number tell an existing account from a missing one (OWASP ASVS 6.3.8). Each of `names` is a column and a
    parameter; the database computes the `computed` columns.
    """
    columns = row.__table__.c
    values = {name: sa.bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = sa.select(*values.values()).where(sa.bindparam("wanted", type_=sa.Boolean()))
    return insert_into(row, database.dialect).from_select(list(values), chosen)


def lookup(
    database: Database,
    rows: sa.Select[Any],
    key: QueryableAttribute[Any],
    read: Callable[[sa.RowMapping], Result],
) -> Batcher[Any, Result | None]:
    """Return what finds the row of a key, or None. Callers that wait share a statement.

    `rows`: selects the column `key` and all that `read` needs to make a result of a row.
    """
    statement = rows.where(database.is_one_of(key, "keys"))

    async def find(keys: Sequence[Any]) -> Sequence[Result | None]:
        results = {row[key.key]: read(row) for row in await database.fetch(statement, {"keys": list(set(keys))})}
        return [results.get(wanted) for wanted in keys]

    return Batcher(find, common=DatabaseUnready, gathers=database.is_sqlite, in_time=database.in_time)


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

    def __init__(self, database: Database, columns: Mapping[str, sa.Column[Any]]) -> None:
        dialect = database.dialect
        given = sa.bindparam(_PARAMETER, type_=sa.Text())
        rows = sa.func.json_each(given) if database.is_sqlite else sa.func.json_array_elements(sa.cast(given, sa.JSON))
        value = rows.table_valued("value").c.value

        def read(place: int, of: sa.Column[Any]) -> sa.ColumnElement[Any]:
            is_bytes = isinstance(of.type, sa.LargeBinary)
            if database.is_sqlite:
                field = sa.func.json_extract(value, sa.literal_column(f"'$[{place}]'"), type_=of.type)
                return sa.func.unhex(field, type_=of.type) if is_bytes else field
            text = value.op("->>")(sa.literal_column(str(place)))
            return sa.func.decode(text, "hex", type_=of.type) if is_bytes else sa.cast(text, of.type)

        self.table = sa.select(
            *(read(place, columns[name]).label(name) for place, name in enumerate(columns))
        ).subquery("given")
        # The dialect's own type: SQLite's knows the text form of times that sorts in order.
        self._processes = {
            name: _hex if isinstance(of.type, sa.LargeBinary) else of.type.dialect_impl(dialect).bind_processor(dialect)
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
