"""The values that settings write into columns of an app, and the forms of times (docs/accounts.md). Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Column

from keyturn.service.accounts.table.columns import Stored, kind_of

TimePlaceholder = Literal["{now}", "{now_ms}", "{now_iso}"]
TIMES: tuple[TimePlaceholder, ...] = get_args(TimePlaceholder)

Value = bool | int | float | str
"""What a setting gives a column: a placeholder, or the value itself."""

_FIRST = 10**8
"""The least number of seconds that counts as a time: March 1973. A thousand times that is the least number of
milliseconds, which as seconds would be in the year 5138."""

_TEXT = re.compile(r"\d{4}-\d\d-\d\d(?:(?P<separator>[T ])\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone> ?(?:Z|[+-]\d\d.*))?)?")
_EXAMPLE = datetime(2026, 11, 20, 8, 46, 42, tzinfo=UTC)


def set_value(column: Column[Any], wanted: Value, moment: datetime) -> Any:
    """Return what a column of `set` becomes at that moment. Raises ValueError, in words, if it cannot hold that."""
    kind = kind_of(column)
    if wanted == "{null}":
        if not column.nullable:
            raise ValueError("may not be NULL")
        return None
    try:
        return _time(kind, moment, str(wanted)) if wanted in TIMES else _plain(kind, wanted)
    except (ValueError, msgspec.ValidationError):
        raise ValueError(f"{wanted!r} does not fit a column of type {kind.shown}") from None


def _time(kind: Stored, moment: datetime, placeholder: str) -> Any:
    moment = moment.astimezone(UTC)
    if kind.has_native_times:
        return moment.date() if kind.holds is date else _stored(kind, moment)
    iso = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    texts: dict[str, int | str] = {"{now}": _sql_text(moment), "{now_iso}": iso}
    numbers: dict[str, int | str] = {"{now}": int(moment.timestamp()), "{now_ms}": int(moment.timestamp() * 1000)}
    on_sqlite = numbers | texts  # which has no times
    days = numbers | dict.fromkeys(texts, f"{moment:%Y-%m-%d}")
    by_type = {int: numbers, float: numbers, Decimal: numbers, str: texts, datetime: on_sqlite, date: days}
    written = by_type.get(datetime if kind.holds_anything else kind.holds, {}).get(placeholder)
    if written is None:
        raise ValueError
    return kind.bounded(written) if isinstance(written, int) else _fitting(kind, written)


def _plain(kind: Stored, wanted: Value) -> Any:
    if kind.holds_anything:
        return wanted
    text = str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
    if kind.holds is str:
        return _fitting(kind, text)
    if kind.holds is datetime:
        return _stored(kind, datetime.fromisoformat(text))
    if kind.holds in (bytes, object):
        raise ValueError
    number = str(int(wanted)) if isinstance(wanted, bool) else text
    value: Any = msgspec.convert(number, kind.holds, strict=False)
    if kind.on_sqlite and kind.holds is date:
        return text
    return kind.bounded(value) if kind.holds is int else value


def _fitting(kind: Stored, text: str) -> str:
    if (kind.choices and text not in kind.choices) or (kind.length is not None and len(text) > kind.length):
        raise ValueError
    return text


def _stored(kind: Stored, moment: datetime) -> Any:
    """Return the time with its zone, or in UTC without one; as a text on SQLite, which has no times."""
    known = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if kind.on_sqlite:
        return _sql_text(known)
    return known if kind.zoned else known.replace(tzinfo=None)


def _sql_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def time_form(value: Any) -> str:
    """Return the form of a stored time, in words; "" if the value is none, or of a type for times."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float | Decimal):
        units = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6))
        known = (f"{unit} since 1970" for unit, per in units if _FIRST * per <= value < _FIRST * per * 1000)
        return next(known, "")
    if not isinstance(value, str) or not (match := _TEXT.fullmatch(value.strip())):
        return ""
    if not match["separator"]:
        return "days such as 2026-11-20"
    return f"texts such as 2026-11-20{match['separator']}08:46:42{'Z' if match['zone'] else ''}"


def usual_form(values: Iterable[Any]) -> str:
    forms = Counter(form for form in map(time_form, values) if form)
    return forms.most_common(1)[0][0] if forms else ""


def written_form(kind: Stored, placeholder: str) -> str:
    """Return the form that a placeholder writes; "" if the column cannot hold it, or has a type for times."""
    try:
        return time_form(_time(kind, _EXAMPLE, placeholder))
    except ValueError:
        return ""


def placeholder_for(kind: Stored, form: str) -> TimePlaceholder | None:
    return next((one for one in TIMES if form and written_form(kind, one) == form), None)
