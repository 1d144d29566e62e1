"""What a column of a live database holds."""

from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Float, Integer, SmallInteger
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from keyturn.accounts.table.timestamps import TimeFormat

_PYTHON_TYPES = (bool, int, float, Decimal, str, bytes, datetime, date, UUID)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a column of the app's table.

    `holds` is one of the types above; object where it is anything (SQLite), or nothing that can be written down.

    `shown` is the type as the database calls it. `length` counts characters, `lowest` and `highest` bound an integer.

    `time_format`: how it writes times where its type does not say that; `format_of`: the column whose values told.
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
    time_format: TimeFormat | None = None
    format_of: str = ""

    @property
    def has_native_times(self) -> bool:
        """Tell whether its type is one of times: SQLite has none."""
        return self.holds in (datetime, date) and not self.on_sqlite

    @property
    def holds_anything(self) -> bool:
        return self.on_sqlite and self.holds is object


def column_of(reflected: Any, dialect: str) -> Column:
    """Return it from what SQLAlchemy's inspector says of a column."""
    kind: TypeEngine[Any] = getattr(reflected["type"], "data_type", reflected["type"])  # PostgreSQL's domains
    on_sqlite = dialect == "sqlite"
    lowest, highest = (-(2**63), 2**63 - 1) if on_sqlite else _integer_bounds(kind)
    return Column(
        name=reflected["name"],
        shown=str(kind),
        holds=_python_type(kind, on_sqlite=on_sqlite),
        nullable=reflected["nullable"],
        length=None if on_sqlite else getattr(kind, "length", None),  # SQLite keeps what is longer, too
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
    # A type that SQLite does not know, as UUID, counts as a number by its rules; what is in it may be anything
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
