"""From what is drawn to the lines of the templates, and back: for the frame, and for what is picked out in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import msgspec

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Place
from keyturn.emails.lint.markup.marked_html import PREFIX
from keyturn.emails.lint.markup.structure import body_of
from keyturn.emails.lint.source.traced_text import pieces_of
from keyturn.emails.studio.rendering.selection import Mark, Selection
from keyturn.mail.rendering.html_tree import Element

# What the subject and the preheader stand in, in MJML and in HTML.
_IN_INBOX = ("mj-title", "mj-preview", "title")


class Marks(msgspec.Struct, frozen=True):
    """What everything in a frame comes from, by its class `kt-NUMBER` or the value of its `data-keyturn`.

    `picked` are those that come from the line that the view asks for.
    """

    all: dict[str, Mark]
    picked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Something in a frame, where `key` stands for it; `offset` is that of its start tag, `end` behind its end tag."""

    key: str
    tag: str
    offset: int
    end: int

    def holds(self, other: "_Drawn") -> bool:
        return self.offset < other.offset < self.end


class SourceMap:
    """Knows which line of the templates everything in a drawn mail comes from, and what each line has drawn."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def marks(self, selected: Place | None) -> Marks:
        """Return what everything in the frame comes from, and what of it comes from the line that is selected."""
        picked = tuple(one.key for one in self.elements_at(selected)) if selected else ()
        return Marks({one.key: self._mark(one) for one in self.elements}, picked)

    @cached_property
    def elements(self) -> tuple[_Drawn, ...]:
        """All that leaves a trace in the frame, in the order of its start tags."""
        found = _drawn_by_html(self._document) if not self._document.is_mjml else _drawn_by_mjml(self._document)
        return tuple(sorted(found, key=lambda one: one.offset))

    def elements_at(self, place: Place) -> tuple[_Drawn, ...]:
        """Return what comes from a line, without what lies in it; what the line lies in, where nothing begins there."""
        found: dict[str, _Drawn] = {}
        for start, stop in self._spans(place):
            inside = [one for one in self.elements if start <= one.offset < stop]
            found |= {one.key: one for one in inside or self._drawn_around(start, stop)}
        ordered = sorted(found.values(), key=lambda one: one.offset)
        return tuple(one for one in ordered if not any(other.holds(one) for other in ordered))

    def selection(self, place: Place, source: str) -> Selection:
        """Return what is said of a line; `source` is the file that it is in."""
        return Selection.of(place, map(self._mark, self.elements_at(place)), source, in_inbox=self.in_inbox(place))

    def in_inbox(self, place: Place) -> bool:
        """Tell whether a line is part of what the list of an inbox shows: the subject, or the preheader."""
        root = self._document.root
        shown = [element for element in root.walk() if element.tag in _IN_INBOX]
        spans = list(self._spans(place))
        return any(start < one.end and one.offset < stop for one in shown for start, stop in spans)

    def _mark(self, drawn: _Drawn) -> Mark:
        return Mark(drawn.tag, self._document.trail(drawn.offset))

    def _spans(self, place: Place) -> Iterator[tuple[int, int]]:
        """Yield what a line wrote, itself or by a call of a macro."""
        pieces = pieces_of(self._document.markup)
        ends = [piece.start for piece in pieces[1:]] + [len(self._document.markup)]
        for (start, origin), end in zip(pieces, ends, strict=True):
            if origin and any((at.file, at.line) == (place.file, place.line) for at in (origin.place, *origin.via)):
                yield start, end

    def _drawn_around(self, start: int, stop: int) -> list[_Drawn]:
        text = self._document.markup[start:stop]
        at = start + len(text) - len(text.lstrip())
        return [one for one in self.elements if one.offset <= at < one.end][-1:] if at < stop else []


def _drawn_by_mjml(document: Document) -> Iterator[_Drawn]:
    body = body_of(document.root)
    for element in body.walk() if body else ():
        if element.tag.startswith("mj-") and element.tag != "mj-raw":
            yield _Drawn(f"{PREFIX}{element.number}", element.tag, element.offset, element.end)
    for tag in document.html_tags:
        if body and tag.offset in body.inner:
            yield _Drawn(str(tag.offset), tag.tag, tag.offset, tag.offset)


def _drawn_by_html(document: Document) -> Iterator[_Drawn]:
    for element in document.elements():
        if not _is_in_head(element):
            yield _Drawn(str(element.offset), element.tag, element.offset, element.end)


def _is_in_head(element: Element) -> bool:
    return element.tag == "head" or any(above.tag == "head" for above in element.ancestors())
