"""The values that settings write into columns of an app, and the forms of times. Pure.

`{now}` writes the time in the column's own type: a number of seconds in a column of numbers, and in a text what SQL
writes. `{now_ms}` writes milliseconds since 1970, `{now_iso}` a text by ISO 8601. A column with a type for times takes
each of them as the time.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

from keyturn.service.accounts.table.columns import Column, bounded_integer, fitting_text, plain_value, stored_time

TimePlaceholder = Literal["{now}", "{now_ms}", "{now_iso}"]
TIMES: tuple[TimePlaceholder, ...] = get_args(TimePlaceholder)

_FIRST = 10**8
"""The least number of seconds that counts as a time: March 1973. A thousand times that is the least number of
milliseconds, which as seconds would be in the year 5138."""

_TEXT = re.compile(r"\d{4}-\d\d-\d\d(?:(?P<separator>[T ])\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone> ?(?:Z|[+-]\d\d.*))?)?")
_EXAMPLE = datetime(2026, 11, 20, 8, 46, 42, tzinfo=UTC)


def set_value(column: Column, given: bool | float | str, moment: datetime) -> Any:
    """Return what a column of `set` becomes at that moment. Raises ValueError, in words, if it cannot hold that."""
    if given == "{null}":
        if not column.nullable:
            raise ValueError("may not be NULL")
        return None
    try:
        return time_value(column, moment, given) if given in TIMES else plain_value(column, given)
    except (ValueError, InvalidOperation):
        raise ValueError(f"{given!r} does not fit a column of type {column.shown}") from None


def time_value(column: Column, moment: datetime, given: object) -> Any:
    """Return what a placeholder of `TIMES` writes at that moment. Raises ValueError if the column cannot hold it."""
    if column.has_native_times:
        return moment.astimezone(UTC).date() if column.holds is date else stored_time(column, moment)
    is_number = column.holds in (int, float, Decimal)
    if not is_number and column.holds not in (str, datetime, date) and not column.holds_anything:
        raise ValueError
    if given == "{now_ms}":
        if column.holds is str:
            raise ValueError
        return bounded_integer(column, int(moment.timestamp() * 1000))
    if is_number and given == "{now}":
        return bounded_integer(column, int(moment.timestamp()))
    if is_number:
        raise ValueError
    return fitting_text(column, _text(column, moment.astimezone(UTC), given))


def _text(column: Column, moment: datetime, given: object) -> str:
    if column.holds is date:
        return f"{moment:%Y-%m-%d}"
    if given == "{now_iso}":
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def time_form(value: Any) -> str:
    """Return the form of a stored time, in words; "" if the value is none, or of a type for times."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float | Decimal):
        units = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6))
        known = (f"{unit} since 1970" for unit, per in units if _FIRST * per <= value < _FIRST * per * 1000)
        return next(known, "")
    if not isinstance(value, str) or not (found := _TEXT.fullmatch(value.strip())):
        return ""
    if not found["separator"]:
        return "days such as 2026-11-20"
    return f"texts such as 2026-11-20{found['separator']}08:46:42{'Z' if found['zone'] else ''}"


def usual_form(values: Iterable[Any]) -> str:
    """Return the form of most of the values; "" if none of them is a time."""
    forms = Counter(form for form in map(time_form, values) if form)
    return forms.most_common(1)[0][0] if forms else ""


def written_form(column: Column, given: str) -> str:
    """Return the form that a placeholder writes; "" if the column cannot hold it, or has a type for times."""
    try:
        return time_form(time_value(column, _EXAMPLE, given))
    except ValueError:
        return ""


def placeholder_for(column: Column, form: str) -> TimePlaceholder | None:
    """Return the placeholder that writes this form into the column; None if none does."""
    return next((given for given in TIMES if form and written_form(column, given) == form), None)
