"""What a search finds: names, by words of them or by letters in their order. preview/static/matching.js agrees."""

import re
from collections.abc import Iterator

_STRETCH = 5
_PART = re.compile(r"(?<![^\W_])[^\W_]")


def matches(find: str, name: str) -> bool:
    """Whether every word of the search is in the name, as it is or with letters left out.

    Where some are left out the first has to begin a part of the name, and the last may not be far: "ordsh" finds
    "orders/shipped", "rsh" does not.
    """
    if not find:
        return True
    name = name.lower()
    return all(word in name or _has_in_order(word, name) for word in find.lower().split())


def _has_in_order(word: str, name: str) -> bool:
    return any(
        _holds_in_order(word, name[start : start + _STRETCH * len(word)])
        for start in _starts_of_parts(name)
        if name[start] == word[0]
    )


def _starts_of_parts(name: str) -> Iterator[int]:
    return (part.start() for part in _PART.finditer(name))


def _holds_in_order(word: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in word)
