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

    `key` names the element, `by` the one that causes it. `says` and `over` are their words. `amount` is in px, `size`
    is text for people. `box` is left, top, width and height in px.
    """

    kind: ProblemKind
    key: _Key
    box: tuple[int, int, int, int]
    by: _Key = ""
    says: _Short = ""
    over: _Short = ""
    size: _Short = ""
    amount: int = 0


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The script's answer for one width. `height` is that of the mail, in px."""

    width: Annotated[int, Meta(ge=200, le=2000)]
    height: int
    problems: Annotated[tuple[Problem, ...], Meta(max_length=100)]


_Answer = Annotated[tuple[Measurement, ...], Meta(max_length=4)]


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its element at one width, for a mark on the canvas."""

    finding: Finding
    width: int
    key: str
    box: tuple[int, int, int, int]


def read_measurements(answer: bytes | str) -> tuple[Measurement, ...]:
    """Decode the script's answer. Raises msgspec.DecodeError."""
    found: tuple[Measurement, ...] = msgspec.json.decode(answer, type=_Answer)
    return found


def notice(measurements: Iterable[Measurement], place_of: Callable[[str], Place]) -> list[Noticed]:
    """Return the problems. The same problem at several widths is one finding, which names them all."""
    found = [(problem, one.width, _finding_on(problem, place_of)) for one in measurements for problem in one.problems]
    widths: dict[Finding, set[int]] = {}
    for _, width, finding in found:
        widths.setdefault(finding, set()).add(width)
    return [
        Noticed(
            finding=replace(finding, widths=tuple(sorted(widths[finding]))),
            width=width,
            key=problem.key,
            box=problem.box,
        )
        for problem, width, finding in found
    ]


def findings_of(noticed: Iterable[Noticed]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(one.finding for one in noticed))


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
