"""INSERTs of the dialect that is spoken: ON CONFLICT is none of SQLAlchemy's own words."""

from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from keyturn.database.database import Model


def insert_into(model: type[Model], dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT into the model's table, to which ON CONFLICT can be added."""
    table: Any = model.__table__
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)
