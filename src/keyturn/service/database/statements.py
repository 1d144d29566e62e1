"""Statements and conditions, each in the dialect of the database."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.types import TypeEngine

from keyturn.service.database.database import Model

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_ENCODING = sa.text("SELECT current_setting('server_encoding')")
"""PostgreSQL's name for the encoding of a database
(https://www.postgresql.org/docs/current/multibyte.html).
"""


def insert_into(model: type[Model], dialect: sa.Dialect) -> "sqlite.Insert | postgresql.Insert":
    if dialect.name == "sqlite":
        return sqlite.insert(model.__table__)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(model.__table__)


def insert_if(
    dialect: sa.Dialect, row: type[Model], names: Iterable[str], **computed: sa.ColumnElement[Any]
) -> Any:
    """Return an INSERT that writes a row if the parameter `wanted` is true, and else none.

    Both take the same work, so neither the statements nor their number tell an existing account
    from a missing one (OWASP ASVS 6.3.8). ON CONFLICT and RETURNING may be added.

    `names`: columns, each with a parameter of its name.
    `computed`: columns that the database computes.
    """
    columns = row.__table__.c
    given = {name: sa.bindparam(name, type_=columns[name].type) for name in names}
    values = given | computed
    chosen = sa.select(*values.values()).where(sa.bindparam("wanted", type_=sa.Boolean()))
    return insert_into(row, dialect).from_select(list(values), chosen)


def is_one_of(
    column: sa.ColumnElement[Any] | QueryableAttribute[Any],
    parameter: str,
    dialect: sa.Dialect,
    *,
    array: TypeEngine[Any] | None = None,
) -> sa.ColumnElement[bool]:
    """Return the condition that a column has one of the values of a parameter.

    PostgreSQL takes them as one array, so that it prepares one statement for any number.

    `array`: the type of that array, if it is not one of the column's type.
    """
    if dialect.name == "postgresql":
        kind = array or sa.ARRAY(column.type)
        return column == sa.any_(sa.bindparam(parameter, type_=kind))
    return column.in_(sa.bindparam(parameter, type_=column.type, expanding=True))


def encoding(connection: sa.Connection) -> str:
    """Return the encoding of a PostgreSQL database; "" for another kind of database."""
    if connection.dialect.name != "postgresql":
        return ""
    return str(connection.scalar(_ENCODING))
