"""An app's tables in statements: every name is quoted, and every value as the driver has it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Dialect, column, func, table
from sqlalchemy.sql.elements import ColumnElement, quoted_name
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import UserDefinedType

from keyturn.accounts.table.columns import Column


class TableName(msgspec.Struct, frozen=True):
    """Names a table, in its schema where one is said."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class AsItIs(UserDefinedType[Any]):
    """A value as the driver has it: on SQLite a column may be declared as what it does not hold (UUID, DATETIME)."""

    cache_ok = True


class _HexBytes(AsItIs):
    """Bytes for MySQL: with PyMySQL 1.2.3 and later aiomysql cannot send them (aio-libs/aiomysql#1080)."""

    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return func.unhex(bindvalue)

    def bind_processor(self, dialect: Dialect) -> Callable[[bytes | None], str | None]:
        del dialect
        return lambda value: None if value is None else value.hex()


def table_clause(name: TableName, columns: Sequence[Column], dialect: str) -> TableClause:
    """Return the table with these columns, for a dialect by its name."""
    kinds = {one.name: _HexBytes() if dialect == "mysql" and one.holds is bytes else AsItIs() for one in columns}
    quoted = [column(quoted_name(one, quote=True), kind) for one, kind in kinds.items()]
    schema = quoted_name(name.schema, quote=True) if name.schema else None
    return table(quoted_name(name.name, quote=True), *quoted, schema=schema)


def parse_table_name(given: str) -> TableName:
    """Return the name of a table as a setting has it: `users`, or `auth.users` in a schema."""
    schema, _, name = given.rpartition(".")
    return TableName(schema or None, name)
