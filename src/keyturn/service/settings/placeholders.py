"""The placeholders for values in `accounts.table.set` and its like (docs/accounts.md)."""

from typing import Literal, get_args

TimePlaceholder = Literal["{now}", "{now_ms}", "{now_iso}"]
TIMES: tuple[TimePlaceholder, ...] = get_args(TimePlaceholder)
"""The moment of a change: in the form of the column's type, as milliseconds, and by ISO 8601."""

NULL = "{null}"

RANDOM = "{random}"
"""A new value that cannot be guessed."""
