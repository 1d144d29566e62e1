"""The HTML that an author wrote: inside mj-text, mj-table, mj-raw and their like, or a whole page of it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.markup.element import Attribute, Element
from keyturn.emails.lint.markup.html_parser import HtmlReader

Kind = Literal["start", "end", "text"]

# What these hold is no HTML: text for the head, or styles.
_NO_HTML = frozenset(("mj-title", "mj-preview", "mj-style", "mj-breakpoint", "mj-font", "mj-include"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A start tag, an end tag or a text. Offsets count characters of the MJML; `within` is the element it is in."""

    kind: Kind
    name: str
    offset: int
    attributes: dict[str, Attribute]
    within: Element

    def get(self, name: str, default: str = "") -> str:
        return self.attributes[name].value if name in self.attributes else default


@dataclass(frozen=True, slots=True)
class Style:
    """A stylesheet; `inlined` where its rules become style attributes, so its selectors are not sent."""

    css: str
    offset: int
    inlined: bool = False


def pieces(document: Document) -> Iterator[Piece]:
    """Yield all HTML of the author, in the order of the source. `name` of a text is the text."""
    if document.is_mjml:
        yield from _below(document, document.root)
    else:
        yield from _Fragment(document.inside(document.root), document.root).pieces()


def tags(document: Document, *names: str) -> Iterator[Piece]:
    """Yield the start tags with one of these names, or all."""
    return (piece for piece in pieces(document) if piece.kind == "start" and (not names or piece.name in names))


def styles(document: Document) -> Iterator[Style]:
    """Yield each stylesheet of the author: of mj-style, and of style elements in the HTML."""
    for element in document.elements("mj-style", "style"):
        yield Style(document.inside(element), element.inner.start, inlined=element.get("inline") == "inline")
    yield from (
        Style(document.markup[start:stop], start)
        for element in document.elements()
        if not element.children and element.tag not in (*_NO_HTML, "style")
        for start, stop in _style_elements(document.inside(element), element.inner.start)
    )


def _below(document: Document, element: Element) -> Iterator[Piece]:
    is_html = bool(element.tag) and not element.tag.startswith("mj")
    if is_html:
        yield Piece("start", element.tag, element.offset, element.attributes, element)
    behind = element.inner.start
    for child in element.children:
        if is_html:
            yield from _text(document, element, behind, child.offset)
        yield from _below(document, child)
        behind = child.end
    if is_html and element.children:
        yield from _text(document, element, behind, element.inner.stop)
    elif element.tag not in _NO_HTML and not element.children:
        yield from _Fragment(document.inside(element), element).pieces()
    if is_html:
        yield Piece("end", element.tag, element.inner.stop, {}, element)


def _text(document: Document, within: Element, start: int, stop: int) -> Iterator[Piece]:
    if text := html.unescape(document.markup[start:stop]).strip():
        yield Piece("text", f" {text} ", start, {}, within)


def _style_elements(source: str, base: int) -> Iterator[tuple[int, int]]:
    without_comments = re.sub(r"<!--.*?-->", lambda comment: " " * len(comment[0]), source, flags=re.DOTALL)
    for found in re.finditer(r"<style\b[^>]*>(.*?)</style>", without_comments, re.DOTALL | re.IGNORECASE):
        yield base + found.start(1), base + found.end(1)


class _Fragment(HtmlReader):
    def __init__(self, source: str, within: Element) -> None:
        super().__init__(source, within.inner.start)
        self._within = within
        self._found: list[Piece] = []

    def pieces(self) -> list[Piece]:
        self.read()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - without offsets
        self._add("start", tag, self._attributes())

    def handle_endtag(self, tag: str) -> None:
        self._add("end", tag)

    def handle_data(self, data: str) -> None:
        if data.strip() and self.cdata_elem is None:
            self._add("text", data)

    def _add(self, kind: Kind, name: str, attributes: dict[str, Attribute] | None = None) -> None:
        self._found.append(Piece(kind, name, self._offset(), attributes or {}, self._within))
