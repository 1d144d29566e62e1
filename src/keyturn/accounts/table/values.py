"""Converts texts and settings to values of a column, and values to text. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from uuid import UUID

from keyturn.accounts.table.columns import Column

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
        raise ValueError(f"{given!r} is no value for a column of type {column.shown}") from None


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
    return WrittenTime(f"{set_value(column, given, moment)} ({column.shown}, without a value to go by)", is_told=False)


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
