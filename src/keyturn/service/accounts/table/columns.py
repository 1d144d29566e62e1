"""Describes what a column of a live database holds, and turns texts and settings into its values."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Float, Integer, SmallInteger
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

_PYTHON_TYPES = (bool, int, float, Decimal, str, bytes, datetime, date, UUID)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the app's table.

    `holds`: one of the types above; object if it is anything (SQLite), or a type that cannot be written.

    `shown`: the type as the database calls it. `length` counts characters, `lowest` and `highest` bound an integer.
    """

    name: str
    shown: str
    holds: type
    nullable: bool
    length: int | None
    choices: tuple[str, ...]
    lowest: int
    highest: int
    zoned: bool
    is_bits: bool
    is_computed: bool = False
    on_sqlite: bool

    @property
    def has_native_times(self) -> bool:
        """Whether its type is one of times: SQLite has none."""
        return self.holds in (datetime, date) and not self.on_sqlite

    @property
    def holds_anything(self) -> bool:
        return self.on_sqlite and self.holds is object


def column_of(reflected: Any, dialect: str) -> Column:
    """Return the column that SQLAlchemy's inspector describes."""
    kind: TypeEngine[Any] = getattr(reflected["type"], "data_type", reflected["type"])  # PostgreSQL's domains
    on_sqlite = dialect == "sqlite"
    lowest, highest = (-(2**63), 2**63 - 1) if on_sqlite else _integer_bounds(kind)
    return Column(
        name=reflected["name"],
        shown=str(kind),
        holds=_python_type(kind, on_sqlite=on_sqlite),
        nullable=reflected["nullable"],
        length=None if on_sqlite else getattr(kind, "length", None),  # SQLite keeps longer text, too
        choices=tuple(getattr(kind, "enums", ())),
        lowest=lowest,
        highest=highest,
        zoned=bool(getattr(kind, "timezone", False)),
        is_bits=isinstance(kind, mysql.BIT),
        is_computed="computed" in reflected,
        on_sqlite=on_sqlite,
    )


def _python_type(kind: TypeEngine[Any], *, on_sqlite: bool) -> type:
    if isinstance(kind, mysql.BIT):
        return bool
    if isinstance(kind, Float):  # MySQL's DOUBLE says that it is a Decimal
        return float
    held: type = object
    with suppress(NotImplementedError):
        held = kind.python_type
    # A type that SQLite does not know, such as UUID, counts as a number by its rules; its values may be anything
    # (https://sqlite.org/datatype3.html#determination_of_column_affinity).
    return held if held in _PYTHON_TYPES and not (on_sqlite and held is Decimal) else object


def _integer_bounds(kind: TypeEngine[Any]) -> tuple[int, int]:
    sizes: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
        (mysql.TINYINT, 8),
        (SmallInteger, 16),
        (mysql.MEDIUMINT, 24),
        (BigInteger, 64),
        (Integer, 32),
    )
    bits = next((bits for known, bits in sizes if isinstance(kind, known)), 64)
    return (0, 2**bits - 1) if getattr(kind, "unsigned", False) else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


_HEX = re.compile(r"([0-9a-f]{2})+", re.ASCII)


def text_of(value: Any) -> str:
    """Return a stored value as text: bytes as hex, NULL as "". Columns of fixed width are padded with spaces."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.hex() if isinstance(value, bytes) else str(value).strip(" ")


def id_values(column: Column, text: str) -> list[Any]:
    """Return the column's values with this text. Raises ValueError if there is none.

    On SQLite there can be two: a column declared as BINARY(16) or UUID may hold bytes as well as texts.
    """
    value: Any = text
    if column.holds is int:
        value = bounded_integer(column, int(text))  # MySQL takes '12abc' for 12; asyncpg refuses a number out of range
    elif column.holds is Decimal:
        value = _to_decimal(text)
    elif column.holds is UUID:
        value = UUID(text)
    elif column.holds is bytes:
        value = bytes.fromhex(text)
    if text_of(value) != text:  # not in the form in which ids are shown here
        raise ValueError("not as it would be shown")
    text.encode()
    if "\0" in text:
        raise ValueError("PostgreSQL keeps no NUL")
    return [value, bytes.fromhex(text)] if column.holds_anything and _HEX.fullmatch(text) else [value]


def _to_decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("no number") from None
    if not value.is_finite():
        raise ValueError("no number that counts anything")
    return value


def plain_value(column: Column, given: bool | float | str) -> Any:
    """Return the value of a setting in the column's type. Raises ValueError or InvalidOperation if it does not fit."""
    text = str(given).lower() if isinstance(given, bool) else str(given)
    if column.holds is bool:
        return _to_bool(text)
    if column.holds is int:
        return bounded_integer(column, int(given) if isinstance(given, bool) else int(text))
    if column.holds in (float, Decimal, UUID):
        return column.holds(text)
    if column.holds is str:
        return fitting_text(column, text)
    if column.holds is datetime:
        return stored_time(column, datetime.fromisoformat(text))
    if column.holds is date:
        day = date.fromisoformat(text)
        return day.isoformat() if column.on_sqlite else day
    if column.holds_anything:
        return given
    raise ValueError


def _to_bool(text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise ValueError
    return text in ("true", "1")


def bounded_integer(column: Column, value: int) -> int:
    if not column.lowest <= value <= column.highest:
        raise ValueError
    return value


def fitting_text(column: Column, text: str) -> str:
    if (column.choices and text not in column.choices) or (column.length is not None and len(text) > column.length):
        raise ValueError
    return text


def stored_time(column: Column, moment: datetime) -> Any:
    """Return the time with its zone, or in UTC without one; as a text on SQLite, which has no times."""
    known = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if column.on_sqlite:
        return known.replace(tzinfo=None).isoformat(" ", "microseconds")
    return known if column.zoned else known.replace(tzinfo=None)
