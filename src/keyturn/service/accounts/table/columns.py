"""Describes what a column of a live database holds, and how it writes times."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
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


def read_time(value: Any) -> datetime | None:
    """Return the time that a column holds, in whatever form; None if it holds none. Without a zone, it is UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if (known := _format(value)) is None:
        return None
    try:
        if known.unit:
            return _EPOCH + timedelta(microseconds=int(value) * _UNITS[known.unit])
        return read_time(datetime.fromisoformat(value.strip()))
    except (ValueError, OverflowError):
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


# Texts and settings as values of a column, and values as text


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
        value = _bounded_integer(column, int(text))  # MySQL takes '12abc' for 12; asyncpg refuses a number out of range
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


def set_value(column: Column, given: bool | float | str, moment: datetime) -> Any:
    """Return what a column of `set` becomes at that moment. Raises ValueError, in words, if it cannot hold that."""
    if given == "{null}":
        if not column.nullable:
            raise ValueError("may not be NULL")
        return None
    try:
        if given in ("{now}", "{now_ms}"):
            return _time_value(column, moment, milliseconds=given == "{now_ms}")
        return _convert_value(column, given)
    except (ValueError, InvalidOperation):
        raise ValueError(f"{given!r} does not fit a column of type {column.shown}") from None


class WrittenTime(NamedTuple):
    """A column's value when it is set to the time, in words. `is_told`: known from its type or values, not guessed."""

    shown: str
    is_told: bool


def describe_times(
    assignments: Iterable[tuple[Column, bool | float | str]], moment: datetime
) -> dict[str, WrittenTime]:
    """Return what each column becomes that is set to the time, by its name."""
    return {
        column.name: _describe_time(column, given, moment)
        for column, given in assignments
        if given in ("{now}", "{now_ms}")
    }


def _describe_time(column: Column, given: bool | float | str, moment: datetime) -> WrittenTime:
    if column.time_format and given == "{now}":
        like = f"as in {column.format_of}" if column.format_of else "as Prisma writes it"
        return WrittenTime(f"{column.time_format}, {like}", is_told=True)
    if column.has_native_times:
        return WrittenTime(f"the time in UTC ({column.shown})", is_told=True)
    return WrittenTime(
        f"{set_value(column, given, moment)} ({column.shown}, a guess, because the table has no such value yet)",
        is_told=False,
    )


def _time_value(column: Column, moment: datetime, *, milliseconds: bool) -> Any:
    if column.time_format and not milliseconds:
        written = column.time_format.write(moment)
        return _bounded_integer(column, written) if isinstance(written, int) else _fitting_text(column, written)
    if milliseconds and column.on_sqlite and column.holds in (datetime, date, object):
        return int(moment.timestamp() * 1000)
    if column.holds is datetime:
        return _as_stored_time(column, moment)
    if column.holds is date:
        return _as_stored_date(column, moment.date())
    if column.holds in (int, float, Decimal):
        seconds = moment.timestamp()
        return _bounded_integer(column, int(seconds * 1000) if milliseconds else int(seconds))
    if column.holds is str or column.holds_anything:
        return _fitting_text(column, moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    raise ValueError


def _convert_value(column: Column, given: bool | float | str) -> Any:
    text = str(given).lower() if isinstance(given, bool) else str(given)
    if column.holds is bool:
        return _to_bool(text)
    if column.holds is int:
        return _bounded_integer(column, int(given) if isinstance(given, bool) else int(text))
    if column.holds in (float, Decimal, UUID):
        return column.holds(text)
    if column.holds is str:
        return _fitting_text(column, text)
    if column.holds is datetime:
        return _as_stored_time(column, datetime.fromisoformat(text))
    if column.holds is date:
        return _as_stored_date(column, date.fromisoformat(text))
    if column.holds_anything:
        return given
    raise ValueError


def _to_bool(text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise ValueError
    return text in ("true", "1")


def _bounded_integer(column: Column, value: int) -> int:
    if not column.lowest <= value <= column.highest:
        raise ValueError
    return value


def _fitting_text(column: Column, text: str) -> str:
    if (column.choices and text not in column.choices) or (column.length is not None and len(text) > column.length):
        raise ValueError
    return text


def _as_stored_time(column: Column, moment: datetime) -> Any:
    """Return the time with its zone, or in UTC without one; as a text on SQLite, which has no times."""
    known = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if column.on_sqlite:
        return known.replace(tzinfo=None).isoformat(" ", "microseconds")
    return known if column.zoned else known.replace(tzinfo=None)


def _as_stored_date(column: Column, day: date) -> Any:
    return day.isoformat() if column.on_sqlite else day
