"""INSERTs to which ON CONFLICT can be added, which SQLAlchemy has for each dialect alone."""

from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from keyturn.database.database import Model


def upsert(model: type[Model], dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT into the model's table."""
    table: Any = model.__table__
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)
