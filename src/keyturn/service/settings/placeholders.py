"""The placeholders for values in `accounts.table.set` and its like (docs/accounts.md)."""

from typing import Literal, TypeGuard

TimePlaceholder = Literal["{now}", "{now_ms}", "{now_iso}"]

NOW: TimePlaceholder = "{now}"
"""The moment of a change, in the form of the column's type."""

NOW_MS: TimePlaceholder = "{now_ms}"
"""The same in milliseconds since 1970."""

NOW_ISO: TimePlaceholder = "{now_iso}"
"""The same by ISO 8601."""

TIMES = (NOW, NOW_MS, NOW_ISO)

NULL = "{null}"

RANDOM = "{random}"
"""A new value that cannot be guessed."""


def is_time(value: object) -> TypeGuard[TimePlaceholder]:
    return value in TIMES
