"""INSERTs of the dialect that is spoken: ON CONFLICT is none of SQLAlchemy's own words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, ColumnElement, Dialect, bindparam, select
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

    It writes a row or, with the same statement and the same work for the database, none: what is done for an account
    that exists and for one that does not are told apart neither by the statements nor by their number (OWASP ASVS
    6.3.8). Each of `names` is a column, and a parameter; what is `computed`, the database computes.
    """
    columns = row.__table__.c
    values = {name: bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = select(*values.values()).where(bindparam("wanted", type_=Boolean()))
    return insert_into(row, database.dialect).from_select(list(values), chosen)
