"""A line of the templates that is picked out, and what the mail has of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from keyturn.emails.lint.finding import Place
from keyturn.emails.studio.rendering.excerpt import ExcerptLine, excerpt

_LINE = re.compile(r"(.+):([1-9]\d{0,6})")


class Mark(msgspec.Struct, frozen=True):
    """What drew something. `trail` is its place, then the calls of the macros that it stands in."""

    tag: str
    trail: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """A line of the templates that somebody selected.

    `tags` are what the line draws. `written_in` are the macros that it calls, `called_from` the calls of its own.
    `in_inbox` tells that the line is part of the subject or the preheader, which no frame shows.
    """

    at: Place
    tags: tuple[str, ...]
    written_in: tuple[Place, ...]
    called_from: tuple[Place, ...]
    excerpt: tuple[ExcerptLine, ...]
    in_inbox: bool

    @classmethod
    def of(cls, at: Place, marks: Iterable[Mark], source: str, *, in_inbox: bool) -> "Selection":
        inner: dict[str, Place] = {}
        outer: dict[str, Place] = {}
        for mark in (marks := list(marks)):
            lines = [(place.file, place.line) for place in mark.trail]
            here = lines.index((at.file, at.line)) if (at.file, at.line) in lines else len(lines)
            inner |= {f"{place.file}:{place.line}": place for place in mark.trail[:here]}
            outer |= {f"{place.file}:{place.line}": place for place in mark.trail[here + 1 :]}
        return cls(
            at=at,
            tags=tuple(dict.fromkeys(mark.tag for mark in marks)),
            written_in=tuple(inner.values()),
            called_from=tuple(outer.values()),
            excerpt=_excerpt(source.split("\n"), at.line),
            in_inbox=in_inbox,
        )


def line_in(address: str) -> Place | None:
    """Return the line that "file:line" names; None for an empty text. Raises ValueError for any other."""
    if not address:
        return None
    if not (found := _LINE.fullmatch(address)):
        raise ValueError(f"{address} names no line: it is a file and a number, as in welcome/welcome.mjml:14.")
    return Place(found[1], int(found[2]))


def _excerpt(lines: list[str], number: int) -> tuple[ExcerptLine, ...]:
    if number > len(lines):
        return ()
    text = lines[number - 1]
    return excerpt(lines, number, len(text) - len(text.lstrip()) + 1)
