"""Measurements from the browser, and the findings that follow from them."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place
from keyturn.studio.lint.markup.marked_html import number_of_class
from keyturn.studio.lint.rules import RULES

WIDTHS = (320, 375, 600)
"""In CSS pixels: the smallest phones on sale, most phones, and a reading pane beside its list."""

ProblemKind = Literal[
    "image-shifts", "narrow-column", "overflow", "overlap", "oversized-image", "small-target", "text-cut-off"
]
_Short = Annotated[str, Meta(max_length=80)]
_Key = Annotated[str, Meta(max_length=20)]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A layout problem at one width.

    `key` names the element, `by` the one that causes it. `says` and `over` are their words. `size` is text for people.
    """

    kind: ProblemKind
    key: _Key
    by: _Key = ""
    says: _Short = ""
    over: _Short = ""
    size: _Short = ""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The script's answer for one width."""

    width: Annotated[int, Meta(ge=200, le=2000)]
    problems: Annotated[tuple[Problem, ...], Meta(max_length=100)]


_Answer = Annotated[tuple[Measurement, ...], Meta(max_length=4)]


def read_measurements(answer: bytes | str) -> tuple[Measurement, ...]:
    """Decode the script's answer. Raises msgspec.DecodeError."""
    found: tuple[Measurement, ...] = msgspec.json.decode(answer, type=_Answer)
    return found


def findings_of(measurements: Iterable[Measurement], place_of: Callable[[str], Place]) -> tuple[Finding, ...]:
    """Return the problems. The same problem at several widths is one finding, which names them all."""
    widths: dict[Finding, set[int]] = {}
    for one in measurements:
        for problem in one.problems:
            widths.setdefault(_finding_on(problem, place_of), set()).add(one.width)
    return tuple(replace(finding, widths=tuple(sorted(those))) for finding, those in widths.items())


def place_of_key(document: Document) -> Callable[[str], Place]:
    """Return a function from the key of a rendered element to its place in the templates."""
    offsets = {element.number: element.offset for element in document.root.walk() if element.tag}

    def place_of(key: str) -> Place:
        if key.isdigit() and int(key) < len(document.markup):
            return document.place(int(key))
        return document.place(offsets.get(number_of_class(key) or 0, document.body.offset))

    return place_of


def _finding_on(problem: Problem, place_of: Callable[[str], Place]) -> Finding:
    """Describe the problem without figures of this width, so that equal findings merge."""
    says, over = _quote(problem.says), _quote(problem.over)
    at = place_of(problem.by) if problem.by else None
    is_one_text = problem.kind == "overlap" and problem.key == problem.by and says == over
    return RULES.finding(
        place_of(problem.key),
        f"browser/{problem.kind}",
        "one text" if is_one_text else "",
        says=says,
        over=over,
        size=problem.size,
        at=f" ({at.file}:{at.line})" if at else "",
        box=f" by the box of {at.file}:{at.line}" if at else "",
        beside=f", close to {over}" if problem.over else "",
    )


def _quote(words: str) -> str:
    return f"“{words}”" if words else "Something"
