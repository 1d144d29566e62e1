"""From what is drawn to the lines of the templates, and back: for the frame, and for what is picked out in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import msgspec

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.finding import Place
from keyturn.emails.lint.jinja.unknown_filters import traced_anyway
from keyturn.emails.lint.markup.element import Element
from keyturn.emails.lint.markup.marked_html import PREFIX
from keyturn.emails.lint.source.traced_text import pieces_of
from keyturn.emails.studio.data.current_data import CurrentDataReader
from keyturn.emails.studio.pages.view import View
from keyturn.emails.studio.rendering.selection import Mark, Selection
from keyturn.errors import TemplateInvalid

# What the subject and the preheader stand in, in MJML and in HTML.
_IN_INBOX = ("mj-title", "mj-preview", "title")


class Marks(msgspec.Struct, frozen=True):
    """`all` by what is on the elements of the frame, a class `kt-NUMBER` or the value of `data-keyturn`.

    `picked` are those that come from the line that the view asks for.
    """

    all: dict[str, Mark]
    picked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """`key` is what stands in the frame for it; `offset` is that of its start tag, `end` is behind its end tag."""

    key: str
    tag: str
    offset: int
    end: int

    def holds(self, other: "_Drawn") -> bool:
        return self.offset < other.offset < self.end


class SourceMap:
    def __init__(self, gallery: Gallery, giving: CurrentDataReader) -> None:
        self._gallery = gallery
        self._giving = giving
        self._templates_for = gallery.renderers(traced_anyway)

    def document(self, template: str, view: View) -> Document | None:
        """Return the mail that a view asks for; None where it cannot be drawn.

        Raises LookupError for a template, a sample or a brand that does not exist.
        """
        language = self._gallery.languages.choose(view.lang).in_direction(view.dir)
        try:
            if not (given := self._giving.of(template, view)):
                return None
            templates = self._templates_for(given.sample, view.brand)
            document = read_document(templates, template, given.sample, language)
        except TemplateInvalid:
            return None
        return document if document.html else None

    def marks(self, template: str, view: View, at: Place | None) -> Marks:
        """Return what everything in the frame comes from. Raises LookupError as `document` does."""
        document = self.document(template, view)
        if document is None:
            return Marks({}, ())
        lines = Lines(document)
        picked = tuple(one.key for one in lines.at(at)) if at else ()
        return Marks({one.key: Mark(one.tag, document.trail(one.offset)) for one in lines.drawn}, picked)

    def picked(self, template: str, view: View, at: Place) -> Selection | None:
        """Return what the page says of a line; None where it is in no file of this mail. Raises LookupError."""
        if at.file not in self._gallery.files_of(template):
            return None
        source = self._gallery.source(at.file)
        if not (document := self.document(template, view)):
            return Selection.of(at, (), source, in_inbox=False)
        lines = Lines(document)
        marks = [Mark(one.tag, document.trail(one.offset)) for one in lines.at(at)]
        return Selection.of(at, marks, source, in_inbox=lines.in_inbox(at))


class Lines:
    """The lines that a document was made from."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def drawn(self) -> tuple[_Drawn, ...]:
        """All that leaves a trace in the frame, in the order of its start tags."""
        found = _html(self._document) if not self._document.is_mjml else _mjml(self._document)
        return tuple(sorted(found, key=lambda one: one.offset))

    def at(self, place: Place) -> tuple[_Drawn, ...]:
        """Return what comes from a line, without what lies in it; what the line lies in, where nothing begins there."""
        found: dict[str, _Drawn] = {}
        for start, stop in self._spans(place):
            inside = [one for one in self.drawn if start <= one.offset < stop]
            found |= {one.key: one for one in inside or self._around(start, stop)}
        ordered = sorted(found.values(), key=lambda one: one.offset)
        return tuple(one for one in ordered if not any(other.holds(one) for other in ordered))

    def in_inbox(self, place: Place) -> bool:
        """Tell whether a line is part of what the list of an inbox shows: the subject, or the preheader."""
        root = self._document.root
        shown = [element for element in root.walk() if element.tag in _IN_INBOX]
        spans = list(self._spans(place))
        return any(start < one.end and one.offset < stop for one in shown for start, stop in spans)

    def _spans(self, place: Place) -> Iterator[tuple[int, int]]:
        """Yield what a line wrote, itself or by a call of a macro."""
        pieces = pieces_of(self._document.markup)
        ends = [piece.start for piece in pieces[1:]] + [len(self._document.markup)]
        for (start, origin), end in zip(pieces, ends, strict=True):
            if origin and any((at.file, at.line) == (place.file, place.line) for at in (origin.place, *origin.via)):
                yield start, end

    def _around(self, start: int, stop: int) -> list[_Drawn]:
        text = self._document.markup[start:stop]
        at = start + len(text) - len(text.lstrip())
        return [one for one in self.drawn if one.offset <= at < one.end][-1:] if at < stop else []


def _mjml(document: Document) -> Iterator[_Drawn]:
    body = document.root.find("mj-body")
    for element in body.walk() if body else ():
        if element.tag.startswith("mj-") and element.tag != "mj-raw":
            yield _Drawn(f"{PREFIX}{element.number}", element.tag, element.offset, element.end)
        for tag in element.tags:
            yield _Drawn(str(tag.offset), tag.tag, tag.offset, tag.offset)


def _html(document: Document) -> Iterator[_Drawn]:
    for element in document.elements():
        if not _is_in_head(element):
            yield _Drawn(str(element.offset), element.tag, element.offset, element.end)


def _is_in_head(element: Element) -> bool:
    return element.tag == "head" or any(above.tag == "head" for above in element.ancestors())
