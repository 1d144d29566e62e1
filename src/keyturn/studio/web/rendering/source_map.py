"""From the parts of a rendered mail to the lines of its templates, and back."""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from msgspec import Struct

from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.markup.marked_html import PREFIX
from keyturn.studio.lint.markup.structure import body_of
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.lint.source.traced_text import Piece, pieces_of


class Mark(Struct, frozen=True):
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
        """Return the selection of a line, with the marks of the parts that come from it."""
        tags: dict[str, None] = {}
        written_in: dict[tuple[str, int], Place] = {}
        called_from: dict[tuple[str, int], Place] = {}
        for mark in marks:
            tags[mark.tag] = None
            lines = list(map(_line_of, mark.trail))
            here = len(lines)
            if _line_of(at) in lines:
                here = lines.index(_line_of(at))
            for place in mark.trail[:here]:
                written_in[_line_of(place)] = place
            for place in mark.trail[here + 1 :]:
                called_from[_line_of(place)] = place
        return cls(at, tuple(tags), tuple(written_in.values()), tuple(called_from.values()))


class Marks(Struct, frozen=True):
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

    def holds(self, offset: int) -> bool:
        return self.offset <= offset < self.end

    def mark(self, document: Document) -> Mark:
        return Mark(self.tag, document.trail(self.offset))


def marks_in(document: Document, selected: Place | None) -> Marks:
    """Return the origins of everything in the frame, and what comes from the selected line."""
    parts = _parts(document)
    picked: tuple[str, ...] = ()
    if selected:
        picked = tuple(part.key for part in _parts_at(document, parts, selected))
    return Marks({part.key: part.mark(document) for part in parts}, picked)


def selection_in(document: Document, place: Place) -> Selection:
    parts = _parts_at(document, _parts(document), place)
    return Selection.of(place, [part.mark(document) for part in parts])


def sayings_in(document: Document) -> list[Saying]:
    return read_aloud(document.compiled, lambda one: document.place(document.offset_of(one)))


def _parts(document: Document) -> Sequence[_Part]:
    """Return everything that can be found in the frame, in the order of the start tags."""
    parts = _parts_of_mjml(document) if document.files.is_mjml else _parts_of_html(document)
    return sorted(parts, key=attrgetter("offset"))


def _parts_of_mjml(document: Document) -> Iterator[_Part]:
    """Yield the elements of MJML, and those of HTML within them, which have no end of their own."""
    body = body_of(document.root)
    if body is None:
        return
    for element in body.walk():
        tag = element.tag
        offset = element.offset
        if element.holder:
            yield _Part(str(offset), tag, offset, offset)
        elif tag.startswith("mj-") and tag != "mj-raw":
            yield _Part(f"{PREFIX}{element.number}", tag, offset, element.end)


def _parts_of_html(document: Document) -> Iterator[_Part]:
    """Yield the elements outside the head."""
    for element in document.elements():
        if not any(one.tag == "head" for one in (element, *element.ancestors())):
            yield _Part(str(element.offset), element.tag, element.offset, element.end)


def _parts_at(document: Document, parts: Sequence[_Part], place: Place) -> Sequence[_Part]:
    """Return the outermost parts that come from a line; if none does, the one around the line."""
    keys: set[str] = set()
    for start, stop in _spans(document, place):
        begun_there = {part.key for part in parts if start <= part.offset < stop}
        keys |= begun_there or _around(document, parts, start, stop)
    chosen = [part for part in parts if part.key in keys]
    return [part for part in chosen if not _is_within_other(part, chosen)]


def _is_within_other(part: _Part, others: Iterable[_Part]) -> bool:
    return any(other.offset < part.offset < other.end for other in others)


def _spans(document: Document, place: Place) -> Iterator[tuple[int, int]]:
    """Yield the ranges that a line wrote, itself or by calling a macro."""
    line = _line_of(place)
    pieces = pieces_of(document.markup)
    for at, piece in enumerate(pieces):
        if _is_written_by(piece, line):
            is_last = at + 1 == len(pieces)
            end = len(document.markup) if is_last else pieces[at + 1].start
            yield piece.start, end


def _is_written_by(piece: Piece, line: tuple[str, int]) -> bool:
    if piece.place is None:
        return False
    return any(_line_of(writer) == line for writer in (piece.place, *piece.via))


def _around(document: Document, parts: Sequence[_Part], start: int, stop: int) -> set[str]:
    """Return the key of the innermost part that holds the text of a range; none for blanks."""
    text = document.markup[start:stop]
    at = stop - len(text.lstrip())
    if at == stop:
        return set()
    around = [part.key for part in parts if part.holds(at)]
    return set(around[-1:])


def _line_of(place: Place) -> tuple[str, int]:
    return place.file, place.line
