"""Conditional comments, as Word evaluates them: as `mso` with VML.

The grammar is that of Microsoft's "About conditional comments", which browsers no longer support.
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
"""The version of Outlook 2016, 2019, 2021 and the classic Outlook of Microsoft 365."""

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "gte": float.__ge__,
    "gt": float.__gt__,
    "lte": float.__le__,
    "lt": float.__lt__,
    "": float.__eq__,
}


def resolve_conditionals(html: str) -> str:
    """Return the HTML as Word reads it. A conditional that nothing closes reaches to the end, as a comment does."""
    return "".join(html[part.start : part.stop] for part, seen in _parts(html) if seen)


def parts_not_for_word(html: str) -> list[range]:
    """Return the ranges that Word skips, of comments and of what other clients show."""
    return [part for part, seen in _parts(html) if not seen]


def _parts(html: str) -> Iterator[tuple[range, bool]]:
    """Yield the ranges between marks, and whether Word reads them."""
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
    """Tell whether a condition such as "gte mso 9" holds in Word. Malformed conditions do not."""
    try:
        return _reduce("".join(_signs(condition))) == "1"
    except ValueError:
        return False


def _signs(condition: str) -> Iterator[str]:
    """Yield the signs of a condition, with 1 or 0 for each feature. Raises ValueError."""
    at = 0
    while at < len(condition):
        token = _TOKEN.match(condition, at)
        if not token:
            raise ValueError(condition)
        at = token.end()
        name, version = (token[2] or "").lower(), token[3]
        if name == "mso" and version:
            yield str(int(_COMPARISONS[(token[1] or "").lower()](_VERSION, float(version))))
        else:
            yield token[4] or str(int(name in ("mso", "vml", "true")))


def _reduce(signs: str) -> str:
    """Return the value of a condition as 1 or 0: `!` binds tightest, `|` loosest. A malformed one is left longer."""
    before = ""
    while before != signs:
        before = signs
        signs = re.sub("!([01])", lambda found: "10"[int(found[1])], signs)
        signs = re.sub(r"\(([01])\)", r"\1", signs)
        signs = re.sub("(?<!!)([01])&([01])", lambda found: min(found[1], found[2]), signs)
        signs = re.sub(r"(?<![!&])([01])\|([01])(?!&)", lambda found: max(found[1], found[2]), signs)
    return signs
