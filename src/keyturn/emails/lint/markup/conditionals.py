"""Conditional comments, read as Outlook for Windows reads them: with Word, which is `mso` and knows VML.

Microsoft's "About conditional comments" has the grammar; Word has kept to it, where browsers have given it up.
"""

import re
from collections.abc import Callable, Iterator, Mapping

_MARK = re.compile(
    r"<!--\[if\s([^\]<>]{1,200})\]>(?:\s*(?:<!-->|<!--\s*-->|-->))?"
    r"|<!\[if\s([^\]<>]{1,200})\]>"
    r"|(?:<!--\s*)?<!\[endif\](?:\s*--)?>",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\s*(?:(?:(gte|gt|lte|lt)\s+)?([a-z]+)(?:\s+([\d.]+))?|([!&|()]))\s*", re.IGNORECASE)
_VERSION = 16.0
"""What Outlook 2016, 2019, 2021 and the classic Outlook of Microsoft 365 call themselves."""

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "gte": float.__ge__,
    "gt": float.__gt__,
    "lte": float.__le__,
    "lt": float.__lt__,
    "": float.__eq__,
}


def resolve_conditionals(html: str) -> str:
    """Return the HTML with what is for Word alone in it, and without what is for all but Word.

    What no mark closes goes to the end, as a comment does.
    """
    return "".join(html[part.start : part.stop] for part, seen in _parts(html) if seen)


def parts_not_for_word(html: str) -> list[range]:
    """Return what is for all but Word, by its offsets."""
    return [part for part, seen in _parts(html) if not seen]


def _parts(html: str) -> Iterator[tuple[range, bool]]:
    """Yield what lies between the marks, and whether Word reads it."""
    behind, conditions = 0, list[bool]()
    for mark in _MARK.finditer(html):
        yield range(behind, mark.start()), all(conditions)
        behind = mark.end()
        if condition := mark[1] or mark[2]:
            conditions.append(is_true(condition))
        elif conditions:
            conditions.pop()
    yield range(behind, len(html)), all(conditions)


def is_true(condition: str) -> bool:
    """Tell whether a condition holds in Word, as "gte mso 9" does. One that cannot be read does not."""
    try:
        return _Condition(condition).value()
    except ValueError:
        return False


class _Condition:
    """Reads a condition: `|` binds less than `&`, and `!` the most."""

    def __init__(self, text: str) -> None:
        self._left = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                raise ValueError(text)
            self._left.append(found)
            at = found.end()
        self._left.reverse()

    def value(self) -> bool:
        found = self._any()
        if self._left:
            raise ValueError("something is left")
        return found

    def _any(self) -> bool:
        found = self._all()
        while self._takes("|"):
            found = self._all() or found
        return found

    def _all(self) -> bool:
        found = self._one()
        while self._takes("&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        negated = False
        while self._takes("!"):
            negated = not negated
        if not self._takes("("):
            return self._feature() != negated
        found = self._any()
        if not self._takes(")"):
            raise ValueError("a bracket is left open")
        return found != negated

    def _feature(self) -> bool:
        token = self._left.pop() if self._left else None
        if token is None or token[4]:
            raise ValueError("a feature is missing")
        name, version = token[2].lower(), token[3]
        if name == "mso" and version:
            return _COMPARISONS[(token[1] or "").lower()](_VERSION, float(version))
        return name in ("mso", "vml", "true")

    def _takes(self, sign: str) -> bool:
        if self._left and self._left[-1][4] == sign:
            self._left.pop()
            return True
        return False
