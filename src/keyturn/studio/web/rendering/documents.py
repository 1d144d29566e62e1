"""What a view reads of a mail with its places in the templates. A renderer does it, and so loads no web framework."""

from collections.abc import Callable
from typing import Any, TypeVar

from keyturn.errors import TemplateInvalid
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.web import frames
from keyturn.studio.web.rendering.rendition import Drawer, Order
from keyturn.studio.web.rendering.source_map import Marks, Selection, SourceMap
from keyturn.studio.web.view import View

T = TypeVar("T")


def read_document(drawer: Drawer, order: Order, read: Callable[..., T], *args: Any) -> T | None:
    """Return what a function reads of the mail with its places, or None if the mail cannot be rendered."""
    try:
        document = drawer.document(order)
    except TemplateInvalid:  # a save broke it since; the page reports that when it is rendered again
        return None
    return read(document, *args) if document.html else None


def sayings_in(document: Document) -> list[Saying]:
    return read_aloud(document.drawn, document.place_of_drawn)


def marked_html(document: Document, view: View) -> str:
    return frames.apply_view(document.marked_html, view)


def marks_in(document: Document, at: Place | None) -> Marks:
    return SourceMap(document).marks(at)


def selection_in(document: Document, at: Place, source: str) -> Selection:
    return SourceMap(document).selection(at, source)
