"""Measurements from the browser, and the findings that follow from them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place, RuleGroup, Severity
from keyturn.emails.lint.markup.marked_html import number_of_class

RULES = RuleGroup(
    "browser", "image-shifts", "not-measured", "overflow", "overlap", "oversized-image", "small-target", "text-cut-off"
)

WIDTHS = (320, 375, 600)
"""In CSS pixels: the smallest phones on sale, most phones, and a reading pane beside its list."""

ProblemKind = Literal["image-shifts", "overflow", "overlap", "oversized-image", "small-target", "text-cut-off"]
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
        Noticed(finding=_with_widths(finding, widths[finding]), width=width, key=problem.key, box=problem.box)
        for problem, width, finding in found
    ]


def findings_of(noticed: Iterable[Noticed]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(one.finding for one in noticed))


def with_finding(noticed: Noticed, finding: Finding) -> Noticed:
    """Return a copy with the finding at the team's severity."""
    return msgspec.structs.replace(noticed, finding=finding)


def place_of_key(document: Document) -> Callable[[str], Place]:
    """Return a function from the key of a rendered element to its place in the templates."""
    offsets = {element.number: element.offset for element in document.root.walk() if element.tag}

    def place_of(key: str) -> Place:
        if key.isdigit() and int(key) < len(document.markup):
            return document.place(int(key))
        return document.place(offsets.get(number_of_class(key) or 0, document.body.offset))

    return place_of


_SEVERITIES: Mapping[ProblemKind, Severity] = {
    "text-cut-off": "error",
    "overlap": "warning",
    "overflow": "warning",
    "small-target": "warning",
    "oversized-image": "note",
    "image-shifts": "note",
}
_FIXES: Mapping[ProblemKind, str] = {
    "text-cut-off": "Let its box grow: give it no height, or a min-height, and let long words break.",
    "overlap": "Take out negative margins, fixed heights and positions, and give text a line-height of its own size.",
    "overflow": 'Give it a width in percent, or max-width:100%, and let long words break with "word-break:break-word".',
    "small-target": "Give it padding, or more room to what is beside it: 24 px is what WCAG 2.2 asks for (2.5.8).",
    "oversized-image": "Scale the file to twice the width that it is shown in.",
    "image-shifts": "Give the image a width and a height in px: the text below then stays where it is.",
}


def _finding_on(problem: Problem, place_of: Callable[[str], Place]) -> Finding:
    rule = RULES[problem.kind]
    return rule.finding(
        place_of(problem.key), _SEVERITIES[problem.kind], _message(problem, place_of), _FIXES[problem.kind]
    )


def _message(problem: Problem, place_of: Callable[[str], Place]) -> str:
    """Describe the problem without figures of this width, so that equal findings merge."""
    at = place_of(problem.by) if problem.by else None
    match problem.kind:
        case "overflow":
            return "The mail is wider than the screen, so that it has to be moved sideways, or is made smaller."
        case "overlap" if problem.key == problem.by and problem.says == problem.over:
            return f"The lines of {_quote(problem.says)} lie over each other: their line-height is too small."
        case "overlap":
            return f"{_quote(problem.says)} lies over {_quote(problem.over)}" + (
                f" ({at.file}:{at.line})." if at else "."
            )
        case "text-cut-off":
            return f"{_quote(problem.says)} is cut off" + (f" by the box of {at.file}:{at.line}." if at else ".")
        case "small-target":
            beside = f", and close to {_quote(problem.over)}" if problem.over else ""
            return f"{_quote(problem.says)} is too small to be touched, {problem.size}{beside}."
        case "oversized-image":
            return f"The file is {problem.size} wide, and the image less than a third of it: most is never seen."
        case "image-shifts":
            return "The image has no size of its own until it is loaded: what is below it jumps when it comes."


def _quote(words: str) -> str:
    return f"“{words}”" if words else "Something"


def _with_widths(finding: Finding, widths: set[int]) -> Finding:
    return msgspec.structs.replace(finding, widths=tuple(sorted(widths)))
