"""INSERTs that write a row or, with the same statement and the same work for the database, write none.

What is done for an account that exists and what is done for one that does not are then told apart neither by the
statements nor by their number (OWASP ASVS 6.3.8).
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, bindparam, select

from keyturn.database.database import Database, Model
from keyturn.database.inserts import insert_into


def insert_if(database: Database, row: type[Model], names: Iterable[str], **computed: ColumnElement[Any]) -> Any:
    """Return `INSERT ... SELECT ... WHERE :wanted`, to which ON CONFLICT and RETURNING may be added.

    Each of `names` is a column, and a parameter; what is `computed`, the database computes.
    """
    columns = row.__table__.c
    values = {name: bindparam(name, type_=columns[name].type) for name in names} | computed
    chosen = select(*values.values()).where(bindparam("wanted", type_=Boolean()))
    return insert_into(row, database.engine.dialect).from_select(list(values), chosen)
