"""The columns of an app's tables in the live database: their types, and their stored values."""

import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.sql.elements import ColumnElement, quoted_name
from sqlalchemy.types import TypeEngine, UserDefinedType

_SAMPLE_SIZE = 50
"""Values of a sample: enough to recognise the form of times and hashes."""

_SEARCHED_ROWS = 10_000
"""Rows that are searched for a sample, since a column may have values in few rows or in none."""

_LONGEST_VALUE = 320  # characters of a sampled value: the longest hashes have fewer

_PYTHON_TYPES = (bool, int, float, Decimal, str, bytes, datetime, date, UUID)


class Stored(UserDefinedType[Any]):
    """The type of an app's column.

    Values pass as the driver returns them: SQLite may hold other values than a column declares.

    `on_sqlite`: the column is in an SQLite database.
    `shown`: the type as the database calls it.
    `holds`: one of `_PYTHON_TYPES`; object if the column may hold anything (SQLite), or has a type
    that Keyturn cannot write.
    `holds_anything`: it may hold values of any type (SQLite).
    `choices`: the values of an enum.
    `length`: the most characters of a text, or bytes; None for no limit.
    `lowest`, `highest`: the limits of an integer.
    `has_native_times`: the database has a type for its times.
    `zoned`: its times are moments, whatever the time zone of a connection.
    `is_bits`: it is a BIT of MySQL.
    """

    cache_ok = True

    def __init__(self, declared: TypeEngine[Any], dialect: str) -> None:
        kind: TypeEngine[Any] = getattr(declared, "data_type", declared)  # PostgreSQL's domains
        self.on_sqlite = dialect == "sqlite"
        self.shown = str(kind)
        self.holds = _python_type(kind, on_sqlite=self.on_sqlite)
        self.choices: tuple[str, ...] = tuple(getattr(kind, "enums", ()))
        self.length: int | None
        if self.on_sqlite:
            # SQLite stores longer texts and greater numbers than the column declares.
            self.length = None
            self.lowest, self.highest = _bounds_of_bits(64)
        else:
            self.length = getattr(kind, "length", None)
            self.lowest, self.highest = _integer_bounds(kind)
        self.zoned = bool(getattr(kind, "timezone", False)) or isinstance(kind, mysql.TIMESTAMP)
        self.is_bits = isinstance(kind, mysql.BIT)
        self.has_native_times = self.holds in (datetime, date) and not self.on_sqlite
        self.holds_anything = self.on_sqlite and self.holds is object

    def adapt(self, cls: Any, **kw: Any) -> Any:
        del cls, kw  # the type is the same in statements for any dialect
        return copy(self)

    def ids(self, text: str) -> list[Any]:
        """Return the column's values that are shown as this text.

        Raises ValueError if there is none.
        """
        value: Any = text
        if self.holds is int:
            # MySQL takes '12abc' for 12; asyncpg refuses a number out of range.
            value = self.bounded(int(text))
        elif self.holds is Decimal:
            value = _decimal(text)
        elif self.holds is UUID:
            value = UUID(text)
        elif self.holds is bytes:
            value = bytes.fromhex(text)
        # A text in another form than ids are shown in is no id. PostgreSQL cannot store a NUL.
        if text_of(value) != text or "\0" in text:
            raise ValueError("not as it would be shown")
        text.encode()  # raises UnicodeEncodeError, a ValueError, for a surrogate
        # On SQLite, a column of the type BINARY(16) or UUID may hold bytes as well as texts.
        if self.holds_anything and _HEX.fullmatch(text):
            return [value, bytes.fromhex(text)]
        return [value]

    def bounded(self, value: int) -> int:
        """Return a number that the column can hold. Raises ValueError for another one."""
        if not self.lowest <= value <= self.highest:
            raise ValueError
        return value


class _HexBytes(Stored):
    """Bytes for MySQL, sent as hexadecimal digits.

    With PyMySQL 1.2.3 and later, aiomysql cannot send bytes (aio-libs/aiomysql#1080).
    """

    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return sa.func.unhex(bindvalue)

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[bytes | None], str | None]:
        del dialect
        return lambda value: None if value is None else value.hex()


class AnyEncoding(UserDefinedType[str]):
    """Text of a database that does not check encodings.

    A result arrives as bytes. It becomes None if they are not UTF-8.
    """

    cache_ok = True

    def result_processor(
        self, dialect: sa.Dialect, coltype: object
    ) -> Callable[[bytes | None], str | None]:
        del dialect, coltype
        return _utf8


def _utf8(stored: bytes | None) -> str | None:
    if stored is None:
        return None
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return None


_HEX = re.compile(r"([0-9a-f]{2})+", re.ASCII)


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        raise ValueError
    return Decimal(text)


def text_of(value: Any) -> str:
    """Return a stored value as text: bytes as hex, NULL as "".

    Spaces around a text are removed: databases pad columns of fixed width.
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    return str(value).strip(" ")


def hash_text(stored: Any) -> str:
    """Return a stored hash as text.

    A column of bytes holds its ASCII characters, and databases pad one of fixed width with NUL.
    """
    if isinstance(stored, bytes):
        return stored.rstrip(b"\0").decode("ascii", "replace")
    return text_of(stored)


def kind_of(column: sa.Column[Any]) -> Stored:
    """Return the type of a column that was read by `table_called`, or into `empty_schema`."""
    assert isinstance(column.type, Stored)
    return column.type


def lowered(stored: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the stored value as text in small letters, without spaces around it; NULL as ""."""
    text = sa.func.trim(sa.cast(stored, sa.Text), type_=sa.Text)
    return sa.func.coalesce(sa.func.lower(text), "")


def sample(
    connection: sa.Connection, column: sa.Column[Any], *which: ColumnElement[bool]
) -> Sequence[object]:
    """Return a column's values in a few of the first rows where `which` holds.

    Long texts are cut. The result is empty if the database refuses the statement.
    """
    kind = kind_of(column)
    value: ColumnElement[Any] = column
    if kind.holds is str and not kind.choices:  # PostgreSQL takes no part of an enum
        value = sa.func.substr(column, 1, _LONGEST_VALUE, type_=kind)
    is_wanted = sa.and_(column.is_not(None), *which)
    searched = sa.select(value.label("value"), is_wanted.label("is_wanted")).limit(_SEARCHED_ROWS)
    rows = searched.subquery()
    found = sa.select(rows.c.value).where(rows.c.is_wanted).limit(_SAMPLE_SIZE)
    try:
        return connection.execute(found).scalars().all()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ()


def empty_schema() -> sa.MetaData:
    """Return an empty collection for tables.

    Tables that are reflected into it have quoted columns of the type `Stored`.
    """
    tables = sa.MetaData()

    @sa.event.listens_for(tables, "column_reflect")
    def store_as_it_is(inspector: sa.Inspector, _: sa.Table, reflected: Any) -> None:
        declared = reflected["type"]
        dialect = inspector.dialect.name
        if dialect == "mysql" and _python_type(declared, on_sqlite=False) is bytes:
            reflected["type"] = _HexBytes(declared, dialect)
        else:
            reflected["type"] = Stored(declared, dialect)
        reflected["name"] = quoted_name(reflected["name"], quote=True)

    return tables


def table_called(connection: sa.Connection, name: str) -> sa.Table:
    """Return a table of the live database by its name: `users`, or `auth.users` in a schema.

    Raises NoSuchTableError.
    """
    schema, _, bare = name.rpartition(".")
    own_quotes: dict[str, Any] = {"quote": True, "quote_schema": True}
    with warnings.catch_warnings():
        # SQLAlchemy warns about a type that it does not know, mostly of a column that is not used.
        warnings.simplefilter("ignore", SAWarning)
        return sa.Table(
            bare,
            empty_schema(),
            schema=schema or None,
            autoload_with=connection,
            resolve_fks=False,
            **own_quotes,
        )


def _python_type(kind: TypeEngine[Any], *, on_sqlite: bool) -> type:
    if isinstance(kind, mysql.BIT):
        return bool
    if isinstance(kind, sa.Float):  # MySQL's DOUBLE says that it is a Decimal
        return float
    held: type = object
    with suppress(NotImplementedError):
        held = kind.python_type
    if on_sqlite and held is Decimal:
        # SQLite's rules make a number of a type that it does not know, such as UUID. The values
        # may be anything (https://sqlite.org/datatype3.html#determination_of_column_affinity).
        return object
    return held if held in _PYTHON_TYPES else object


def _integer_bounds(kind: TypeEngine[Any]) -> tuple[int, int]:
    bits = 64
    for known, its_bits in _BITS.items():
        if isinstance(kind, known):
            bits = its_bits
            break
    if getattr(kind, "unsigned", False):
        return 0, 2**bits - 1
    return _bounds_of_bits(bits)


def _bounds_of_bits(bits: int) -> tuple[int, int]:
    half = 2 ** (bits - 1)
    return -half, half - 1


_BITS = {
    mysql.TINYINT: 8,
    sa.SmallInteger: 16,
    mysql.MEDIUMINT: 24,
    sa.BigInteger: 64,
    sa.Integer: 32,
}
