"""An INSERT that writes its row or, with the same statement and the same work for the database, writes none."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database.database import Model


def insert_if(session: AsyncSession, row: type[Model], values: Mapping[str, object], *, wanted: bool = True) -> Any:
    """Return `INSERT ... SELECT ... WHERE wanted`, to which ON CONFLICT and RETURNING may be added.

    What is done for an account that exists and what is done for one that does not are then told apart neither by the
    statements nor by their number (OWASP ASVS 6.3.8).
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    columns = row.__table__.c
    row_values = (
        value if isinstance(value, ColumnElement) else literal(value, columns[name].type)
        for name, value in values.items()
    )
    return insert(row).from_select(list(values), select(*row_values).where(literal(wanted)))
