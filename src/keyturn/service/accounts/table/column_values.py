"""The values that settings write into the columns of an app's table (docs/accounts.md)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from secrets import token_bytes, token_urlsafe
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
import sqlalchemy as sa

from keyturn.service.accounts.table.columns import Stored, kind_of
from keyturn.service.settings.placeholders import (
    NOW,
    NOW_ISO,
    NOW_MS,
    NULL,
    RANDOM,
    TimePlaceholder,
    is_time,
)

Value = bool | int | float | str
"""A value of a setting for a column: a placeholder, or the value itself."""


def set_value(column: sa.Column[Any], wanted: Value, moment: datetime) -> Any:
    """Return the value that a column gets at that moment.

    Raises ValueError, with a sentence, if the column cannot hold it.
    """
    kind = kind_of(column)
    if wanted == NULL:
        if not column.nullable:
            raise ValueError("may not be NULL")
        return None
    try:
        if wanted == RANDOM:
            return _random(kind)
        if is_time(wanted):
            return time_value(kind, moment, wanted)
    except ValueError:
        raise _misfit(kind, wanted) from None
    return plain_value(column, wanted)


def plain_value(column: sa.Column[Any], wanted: Value) -> Any:
    """Return the value that a column gets for one that is no placeholder.

    Raises ValueError, with a sentence, if the column cannot hold it.
    """
    kind = kind_of(column)
    try:
        return _plain(kind, wanted)
    except (ValueError, msgspec.ValidationError):
        raise _misfit(kind, wanted) from None


def _misfit(kind: Stored, wanted: Value) -> ValueError:
    return ValueError(f"{wanted!r} does not fit a column of type {kind.shown}")


_RANDOM_BYTES = 32

_FEWEST_BYTES = 16
"""The least length of a random value. Such a value may be a session's token, which needs 128 random
bits (OWASP ASVS 7.2.3).
"""

_FEWEST_CHARACTERS = 22
"""The same for characters of base64url: 22 of them have 132 bits."""


def _random(kind: Stored) -> Any:
    """Return a value that cannot be guessed, in the column's type.

    A text, or bytes, is cut to the length of the column. Raises ValueError if that is too short, or
    if the column has another type.
    """
    if kind.holds is UUID:
        return uuid4()
    if kind.holds is bytes:
        return _cut(token_bytes(_RANDOM_BYTES), kind.length, _FEWEST_BYTES)
    holds_text = kind.holds is str or kind.holds_anything
    if holds_text and not kind.choices:
        return _cut(token_urlsafe(_RANDOM_BYTES), kind.length, _FEWEST_CHARACTERS)
    raise ValueError


_Cut = TypeVar("_Cut", str, bytes)


def _cut(value: _Cut, room: int | None, fewest: int) -> _Cut:
    if room is not None and room < fewest:
        raise ValueError
    return value[:room]


def time_value(kind: Stored, moment: datetime, placeholder: TimePlaceholder) -> Any:
    """Return the value for a placeholder of a time, in the column's type.

    Raises ValueError if the column cannot hold it.
    """
    moment = moment.astimezone(UTC)
    if kind.has_native_times:
        return moment.date() if kind.holds is date else _native_time(kind, moment)
    if kind.holds in (int, float, Decimal):
        return kind.bounded(_number_of(moment, placeholder))
    if kind.holds is str:
        return _fitting(kind, _text_of_time(moment, placeholder))
    # SQLite has no type for times: such a column holds numbers or texts.
    if kind.holds not in (date, datetime) and not kind.holds_anything:
        raise ValueError
    if placeholder == NOW_MS:
        return kind.bounded(_number_of(moment, placeholder))
    if kind.holds is date:
        return _fitting(kind, f"{moment:%Y-%m-%d}")
    return _fitting(kind, _text_of_time(moment, placeholder))


def _number_of(moment: datetime, placeholder: TimePlaceholder) -> int:
    if placeholder == NOW:
        return int(moment.timestamp())
    if placeholder == NOW_MS:
        return int(moment.timestamp() * 1000)
    raise ValueError


def _text_of_time(moment: datetime, placeholder: TimePlaceholder) -> str:
    if placeholder == NOW:
        return _sql_text(moment)
    if placeholder == NOW_ISO:
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise ValueError


def _plain(kind: Stored, wanted: Value) -> Any:
    if kind.holds_anything:
        return wanted
    text = str(wanted)
    number = text
    if isinstance(wanted, bool):
        text = text.lower()
        number = str(int(wanted))
    if kind.holds is str:
        return _fitting(kind, text)
    if kind.holds is datetime:
        return _native_time(kind, datetime.fromisoformat(text))
    if kind.holds in (bytes, object):
        raise ValueError
    value: Any = msgspec.convert(number, kind.holds, strict=False)
    if kind.on_sqlite and kind.holds is date:
        return text
    if kind.holds is int:
        return kind.bounded(value)
    return value


def _fitting(kind: Stored, text: str) -> str:
    if kind.choices and text not in kind.choices:
        raise ValueError
    if kind.length is not None and len(text) > kind.length:
        raise ValueError
    return text


def _native_time(kind: Stored, moment: datetime) -> Any:
    """Return the time for a column of a type for times: with its zone, or in UTC without one.

    On SQLite, which has no such type, it is a text.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    if kind.on_sqlite:
        return _sql_text(moment)
    if kind.zoned:
        return moment
    return moment.replace(tzinfo=None)


def _sql_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
