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
_GROUP = re.compile(r"\(([^()]*)\)")
_PART = re.compile(
    r"([!\s]*)(?:([<>])|(?:(gte|gt|lte|lt)\s+)?([a-z]+)(?:\s+(\d{1,4}(?:\.\d{1,4})?))?)\s*", re.IGNORECASE
)
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
    before = ""
    while before != condition:  # the innermost groups first
        before, condition = condition, _GROUP.sub(lambda group: _value(group[1]), condition)
    return _value(condition) == ">"


def _value(condition: str) -> str:
    """Return ">" if a condition without parentheses, `|` of `&` of parts, holds, "<" if not, "?" if it is malformed.

    Conditions in marks have no angle brackets. A "?" is no part, so what is around it is malformed, too.
    """
    choices = [[_PART.fullmatch(part) for part in each.split("&")] for each in condition.split("|")]
    parts = [[part for part in each if part] for each in choices]
    return "<>"[any(all(map(_holds, each)) for each in parts)] if parts == choices else "?"


def _holds(part: re.Match[str]) -> bool:
    negations, value, comparison, name, version = part.groups("")
    if name.lower() == "mso" and version:
        holds = _COMPARISONS[comparison.lower()](_VERSION, float(version))
    else:
        holds = value == ">" or name.lower() in ("mso", "vml", "true")
    return holds != bool(negations.count("!") % 2)
