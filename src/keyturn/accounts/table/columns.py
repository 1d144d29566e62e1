"""Describes what a column of a live database holds, and how it writes times."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Float, Integer, SmallInteger
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

# How a column writes times, recognised from its values or those of neighbours. The declared type does not show it:
# Prisma keeps milliseconds in SQLite's DATETIME, others keep seconds in an INTEGER or one of several texts. An app may
# fail to read a row with times in another form than its own.


_UNITS = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1}
"""Microseconds in each unit."""
_FIRST = 10**8
"""The least number of seconds that counts as a time: March 1973. A thousand times that is the least number of
milliseconds, which as seconds would be in the year 5138."""
_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<separator>[T ])\d\d:\d\d:\d\d(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<zone> ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?"
)
_NAME = re.compile(
    r"(at|on|date|time|timestamp|since|am|le|en)$|^(created|updated|modified|changed|last|date|time|erstellt|geaendert|fecha)",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The form of times: a number of `unit` since 1970, or a text if `unit` is "".

    A text has a `separator` before the time of day ("" for a day alone), `digits` of a fraction, and UTC as `zone`.

    `as_text`: the number is written as a text.
    """

    unit: str = ""
    as_text: bool = False
    separator: str = ""
    digits: int = 0
    zone: str = ""

    def write(self, moment: datetime) -> int | str:
        if self.unit:
            number = (moment - _EPOCH) // timedelta(microseconds=_UNITS[self.unit])
            return str(number) if self.as_text else number
        known = moment.astimezone(UTC)
        if not self.separator:
            return f"{known:%Y-%m-%d}"
        fraction = f".{known:%f}000"[: self.digits + 1] if self.digits else ""
        return f"{known:%Y-%m-%d}{self.separator}{known:%H:%M:%S}{fraction}{self.zone}"

    def __str__(self) -> str:
        example = self.write(datetime(2026, 11, 20, 8, 46, 42, tzinfo=UTC))
        return f"{self.unit} since 1970, such as {example}" if self.unit else f"a text such as {example}"


PRISMA = TimeFormat(unit="milliseconds")
"""What Prisma writes into a DATETIME of SQLite, and reads there in every version."""


def likely_times(names: Iterable[str]) -> list[str]:
    """Return the columns whose names suggest times."""
    return [name for name in names if _NAME.search(name)]


def recognise_times(values: Sequence[Any], *, days: bool) -> TimeFormat | None:
    """Return the format of most values, or None if none is known. `days`: a day alone is a time, too."""
    found = Counter(known for known in map(_format, values) if known and (days or known.unit or known.separator))
    return found.most_common(1)[0][0] if found else None


def _format(value: Any) -> TimeFormat | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    if not isinstance(value, str):
        return _number_format(value, as_text=False)
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= len(str(_FIRST * 10**9)):
        return _number_format(int(text), as_text=True)
    if not (found := _TEXT.fullmatch(text)):
        return None
    zone = re.sub(r"\d", "0", found["zone"] or "").replace("-", "+")
    return TimeFormat(separator=found["separator"] or "", digits=len(found["fraction"] or ""), zone=zone)


def _number_format(value: float | Decimal, *, as_text: bool) -> TimeFormat | None:
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    for unit, per_second in (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6)):
        if _FIRST * per_second <= value < _FIRST * per_second * 1000:
            return TimeFormat(unit=unit, as_text=as_text)
    return None


_PYTHON_TYPES = (bool, int, float, Decimal, str, bytes, datetime, date, UUID)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the app's table.

    `holds`: one of the types above; object if it is anything (SQLite), or a type that cannot be written.

    `shown`: the type as the database calls it. `length` counts characters, `lowest` and `highest` bound an integer.

    `time_format`: how it writes times if its type does not say; `format_of`: the column whose values showed that.
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
