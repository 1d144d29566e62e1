"""Names that samples lack since none of them takes the branch that prints them, filled with plausible values."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

_CLOSE = 0.75
"""As `difflib` measures likeness: "compnay" is 0.86 of "company", and meant that."""


def fill_missing(values: Mapping[str, Any], guessed: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """Return the values with those of the `names` that the guess has, wherever it has them.

    A name that is close to one that is there is misspelt, and stays missing.
    """
    filled = {name: _filled(value, guessed.get(name), names) for name, value in values.items()}
    missing = (name for name in guessed if name in names and name not in values)
    return filled | {name: guessed[name] for name in missing if not get_close_matches(name, values, 1, _CLOSE)}


def _filled(value: Any, guessed: Any, names: Collection[str]) -> Any:
    match value, guessed:
        case dict(), dict():
            return fill_missing(value, guessed, names)
        case list(), list() if guessed:
            return [_filled(one, guessed[0], names) for one in value]
    return value
