"""Conditional comments as Word evaluates them, as `mso` with VML (Microsoft, "About conditional
comments").
"""

import operator
import re
from collections.abc import Iterator
from typing import NamedTuple

_MARK = re.compile(
    r"<!--\[if\s([^\]<>]{1,200})\]>(?:\s*(?:<!-->|<!--\s*-->|-->))?"
    r"|<!\[if\s([^\]<>]{1,200})\]>"
    r"|(?:<!--\s*)?<!\[endif\](?:\s*--)?>",
    re.IGNORECASE,
)
_PART = re.compile(r"(?:(gte|gt|lte|lt)\s+)?([a-z]+)(?:\s+(\d{1,4}(?:\.\d{1,4})?))?", re.IGNORECASE)
_COMPARISONS = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "": operator.eq,
}
_VERSION = 16.0  # the version of Outlook 2016, 2019, 2021 and the classic Outlook of Microsoft 365
_STEPS = (  # conditions that are true and false: "not" comes before "and", which comes before "or"
    (re.compile(r"!F|\(T\)|(?<!!)T&T|(?<![!&])(?:T\|[TF]|F\|T)(?!&)"), "T"),
    (re.compile(r"!T|\(F\)|(?<!!)(?:F&[TF]|T&F)|(?<![!&])F\|F(?!&)"), "F"),
)


class _Section(NamedTuple):
    """A range between marks, and whether Word reads it."""

    where: range
    is_read: bool


def resolve_conditionals(html: str) -> str:
    """Return the HTML as Word reads it.

    A conditional that nothing closes reaches to the end, as a comment does.
    """
    read = [section.where for section in _sections(html) if section.is_read]
    return "".join(html[where.start : where.stop] for where in read)


def blanked_for_word(html: str) -> str:
    """Return the HTML as Word reads it, with blanks for all else, so that each offset stays."""
    written = []
    behind = 0
    for where, is_read in _sections(html):
        written.append(" " * (where.start - behind))  # the mark in front
        if is_read:
            written.append(html[where.start : where.stop])
        else:
            written.append(" " * len(where))
        behind = where.stop
    return "".join(written)


def parts_not_for_word(html: str) -> list[range]:
    """Return the ranges that Word skips, of comments and of what other clients show."""
    return [section.where for section in _sections(html) if not section.is_read]


def _sections(html: str) -> Iterator[_Section]:
    behind = 0
    conditions: list[bool] = []
    for mark in _MARK.finditer(html):
        yield _Section(range(behind, mark.start()), all(conditions))
        behind = mark.end()
        condition = mark[1] or mark[2]
        if condition:
            conditions.append(is_true(condition))
        elif conditions:
            conditions.pop()
    yield _Section(range(behind, len(html)), all(conditions))


def is_true(condition: str) -> bool:
    """Tell whether a condition such as "gte mso 9" holds in Word. Malformed conditions do not."""
    before = ""
    left = re.sub(r"\s", "", _PART.sub(_value, condition))
    while before != left:
        before = left
        for pattern, value in _STEPS:
            left = pattern.sub(value, left)
    return left == "T"


def _value(part: re.Match[str]) -> str:
    comparison, name, version = part.groups("")
    holds = name.lower() in ("mso", "vml", "true")
    if name.lower() == "mso" and version:
        compare = _COMPARISONS[comparison.lower()]
        holds = compare(_VERSION, float(version))
    return "T" if holds else "F"
