"""Recognises the form of the times in an app's column, and finds the placeholder that writes it."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from keyturn.service.accounts.table.column_values import time_value
from keyturn.service.accounts.table.columns import Stored
from keyturn.service.settings.placeholders import TIMES, TimePlaceholder

_FIRST_SECOND = 10**8
"""The least number of seconds since 1970 that counts as a time: March 1973.

A thousand times as much is the least number of milliseconds. As seconds, it would be in the year
5138.
"""

_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6}
"""Units of numbers that are times, and how many of them are a second."""

_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:(?P<separator>[T ])\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone> ?(?:Z|[+-]\d\d.*))?)?"
)
_EXAMPLE = datetime(2026, 11, 20, 8, 46, 42, tzinfo=UTC)


def usual_form(values: Iterable[Any]) -> str:
    """Return the form of most of the times, in words; "" if none of the values is a time."""
    forms = Counter(map(_form_of, values))
    del forms[""]
    if not forms:
        return ""
    return forms.most_common(1)[0][0]


def placeholder_for(kind: Stored, form: str) -> TimePlaceholder | None:
    """Return the placeholder that writes times in this form; None if none does."""
    if not form:
        return None
    for placeholder in TIMES:
        if written_form(kind, placeholder) == form:
            return placeholder
    return None


def written_form(kind: Stored, placeholder: TimePlaceholder) -> str:
    """Return the form in which a column gets a placeholder's time.

    "" if the column cannot hold it, or has a type for times.
    """
    try:
        return _form_of(time_value(kind, _EXAMPLE, placeholder))
    except ValueError:
        return ""


def _form_of(value: Any) -> str:
    """Return the form of a stored time; "" if it is not a time, or has a type for times."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float | Decimal):
        return _form_of_number(value)
    if isinstance(value, str):
        return _form_of_text(value.strip())
    return ""


def _form_of_number(value: float | Decimal) -> str:
    for unit, a_second in _UNITS.items():
        first = _FIRST_SECOND * a_second
        if first <= value < first * 1000:
            return f"{unit} since 1970"
    return ""


def _form_of_text(text: str) -> str:
    match = _TEXT.fullmatch(text)
    if match is None:
        return ""
    if not match["separator"]:
        return "days such as 2026-11-20"
    zone = "Z" if match["zone"] else ""
    return f"texts such as 2026-11-20{match['separator']}08:46:42{zone}"
