"""Statements that both databases share: INSERTs with ON CONFLICT, and look-ups by key."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import QueryableAttribute

from keyturn.service.database.batching import Batcher
from keyturn.service.database.database import Database, Model

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Result = TypeVar("Result")


def insert_into(model: type[Model], dialect: sa.Dialect) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT into the model's table, to which ON CONFLICT can be added."""
    if dialect.name == "sqlite":
        return sqlite.insert(model.__table__)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(model.__table__)


def insert_if(dialect: sa.Dialect, row: type[Model], names: Iterable[str], **computed: sa.ColumnElement[Any]) -> Any:
    """Return `INSERT ... SELECT ... WHERE :wanted`, to which ON CONFLICT and RETURNING may be added.

    It writes a row or none, with the same statement and the same work for the database. So neither the statements nor
    their number tell an existing account from a missing one (OWASP ASVS 6.3.8). Each of `names` is a column and a
    parameter; the database computes the `computed` columns.
    """
    columns = row.__table__.c
    values = {name: sa.bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = sa.select(*values.values()).where(sa.bindparam("wanted", type_=sa.Boolean()))
    return insert_into(row, dialect).from_select(list(values), chosen)


def lookup(
    database: Database, rows: sa.Select[Any], key: QueryableAttribute[Any], read: Callable[[sa.RowMapping], Result]
) -> Batcher[Any, Result | None]:
    """Return what finds the row of a key, or None. Callers that wait share a statement.

    `rows`: selects the column `key` and all that `read` needs to make a result of a row.
    """
    statement = rows.where(database.is_one_of(key, "keys"))

    async def find(keys: Sequence[Any]) -> Sequence[Result | None]:
        results = {row[key.key]: read(row) for row in await database.fetch(statement, {"keys": list(set(keys))})}
        return [results.get(wanted) for wanted in keys]

    return Batcher(find, gathers=database.is_sqlite, in_time=database.in_time)
