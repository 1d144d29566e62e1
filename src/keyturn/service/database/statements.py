"""Statements that SQLite and PostgreSQL share, each in its own dialect."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

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


def encoding(connection: sa.Connection) -> str:
    """Return the encoding of a PostgreSQL database; "" for another kind of database."""
    if connection.dialect.name != "postgresql":
        return ""
    return str(connection.scalar(_ENCODING))
