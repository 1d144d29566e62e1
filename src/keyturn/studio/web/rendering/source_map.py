"""From the parts of a rendered mail to the lines of its templates, and back."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.markup.marked_html import PREFIX
from keyturn.studio.lint.markup.structure import body_of
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.lint.source.traced_text import pieces_of


class Mark(msgspec.Struct, frozen=True):
    """The origin of a rendered part. `trail`: its place, then the calls of the macros around it."""

    tag: str
    trail: tuple[Place, ...]


class Selection(Struct, frozen=True):
    """The selected line. `written_in`: macros that it calls. `called_from`: calls of its own."""

    at: Place
    tags: tuple[str, ...]
    written_in: tuple[Place, ...]
    called_from: tuple[Place, ...]

    @classmethod
    def of(cls, at: Place, marks: Iterable[Mark]) -> "Selection":
        inner, outer = dict[tuple[str, int | None], Place](), dict[tuple[str, int | None], Place]()
        for mark in (marks := list(marks)):
            lines = [(place.file, place.line) for place in mark.trail]
            here = lines.index((at.file, at.line)) if (at.file, at.line) in lines else len(lines)
            inner |= dict(zip(lines[:here], mark.trail, strict=False))
            outer |= dict(zip(lines[here + 1 :], mark.trail[here + 1 :], strict=True))
        return cls(
            at,
            tuple(dict.fromkeys(mark.tag for mark in marks)),
            tuple(inner.values()),
            tuple(outer.values()),
        )


class Marks(msgspec.Struct, frozen=True):
    """The origins of everything in a frame, by class `kt-NUMBER` or `data-keyturn`.

    `picked`: of the selected line.
    """

    all: dict[str, Mark]
    picked: tuple[str, ...]


class _Part(Struct, frozen=True):
    """Something in a frame.

    `key`: its name. `offset`: that of its start tag. `end`: behind its end tag.
    """

    key: str
    tag: str
    offset: int
    end: int


def marks_in(document: Document, selected: Place | None) -> Marks:
    """Return the origins of everything in the frame, and what comes from the selected line."""
    parts = _parts(document)
    picked = tuple(one.key for one in _parts_at(document, parts, selected)) if selected else ()
    return Marks({one.key: Mark(one.tag, document.trail(one.offset)) for one in parts}, picked)


def selection_in(document: Document, place: Place) -> Selection:
    parts = _parts_at(document, _parts(document), place)
    return Selection.of(place, (Mark(one.tag, document.trail(one.offset)) for one in parts))


def sayings_in(document: Document) -> list[Saying]:
    return read_aloud(document.compiled, lambda one: document.place(document.offset_of(one)))


def _parts(document: Document) -> Sequence[_Part]:
    """Return everything that can be found in the frame, in the order of the start tags."""
    parts = list[_Part]()
    if document.files.is_mjml:
        for element in body.walk() if (body := body_of(document.root)) else ():
            if element.holder:
                parts.append(
                    _Part(str(element.offset), element.tag, element.offset, element.offset)
                )
            elif element.tag.startswith("mj-") and element.tag != "mj-raw":
                parts.append(
                    _Part(f"{PREFIX}{element.number}", element.tag, element.offset, element.end)
                )
    else:
        for element in document.elements():
            if all(one.tag != "head" for one in (element, *element.ancestors())):
                parts.append(_Part(str(element.offset), element.tag, element.offset, element.end))
    return sorted(parts, key=lambda one: one.offset)


def _parts_at(document: Document, parts: Sequence[_Part], place: Place) -> Sequence[_Part]:
    """Return the outermost parts that come from a line; if none does, the one around the line."""
    keys = set[str]()
    for start, stop in _spans(document, place):
        inside = [one for one in parts if start <= one.offset < stop]
        keys |= {one.key for one in inside or _around(document, parts, start, stop)}
    chosen = [one for one in parts if one.key in keys]
    return [
        one for one in chosen if not any(other.offset < one.offset < other.end for other in chosen)
    ]


def _spans(document: Document, place: Place) -> Iterator[tuple[int, int]]:
    """Yield the ranges that a line wrote, itself or by calling a macro."""
    pieces = pieces_of(document.markup)
    ends = [piece.start for piece in pieces[1:]] + [len(document.markup)]
    for piece, end in zip(pieces, ends, strict=True):
        writers = (piece.place, *piece.via) if piece.place else ()
        if any((one.file, one.line) == (place.file, place.line) for one in writers):
            yield piece.start, end


def _around(document: Document, parts: Sequence[_Part], start: int, stop: int) -> Sequence[_Part]:
    text = document.markup[start:stop]
    at = start + len(text) - len(text.lstrip())
    return [one for one in parts if one.offset <= at < one.end][-1:] if at < stop else []
