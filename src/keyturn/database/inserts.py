"""INSERTs of the dialect that is spoken: ON CONFLICT is none of SQLAlchemy's own words."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import sqlite

from keyturn.database.database import Model

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_into(model: type[Model], dialect: Dialect) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT into the model's table, to which ON CONFLICT can be added."""
    table: Any = model.__table__
    if dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - all its drivers come along

    return postgresql.insert(table)
