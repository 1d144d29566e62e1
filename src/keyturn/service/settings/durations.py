"""Durations as operators write them."""

import re
from datetime import timedelta
from typing import Any

from keyturn.values import shown

_DURATION = re.compile(r"(?P<count>\d+)\s*(?P<unit>ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def parse_duration(value: Any) -> timedelta:
    """Return the duration of a text such as 30m. A timedelta is returned as it is.

    Raises ValueError for another value.
    """
    if isinstance(value, timedelta) and value >= timedelta(0):
        return value
    text = value.strip() if isinstance(value, str) else ""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a duration, as in 90s, 30m, 1h or 7d, not {shown(value)}")
    unit = _UNITS[match["unit"]]
    try:
        return int(match["count"]) * unit
    except OverflowError:
        raise ValueError("too long") from None
