"""What the middle of a page shows of a template: its mail in a frame, its sources, and the line that is selected."""

from typing import Any

from litestar.exceptions import ValidationException

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Place
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.rendering.drawing import Drawer, Order
from keyturn.emails.studio.rendering.rendition import Rendition, Renditions
from keyturn.emails.studio.rendering.selection import Selection, line_in
from keyturn.emails.studio.rendering.source import Sources
from keyturn.emails.studio.rendering.source_map import Marks, SourceMap
from keyturn.emails.studio.view import View
from keyturn.errors import TemplateInvalid


class Canvas:
    """Shows one rendition in each of its ways. What it is asked for and does not exist is a LookupError."""

    def __init__(self, renditions: Renditions, sender: str) -> None:
        self._renditions = renditions
        self._gallery = renditions.gallery
        self._sources = Sources(renditions.gallery, sender)

    def rendition(self, template: str, view: View) -> Rendition:
        return self._renditions.rendition(template, view)

    def parts(self, rendition: Rendition, view: View) -> dict[str, Any]:
        stage_of = {file: stage for stage, file in self._sources.files(rendition).items()}
        return {
            "frame": view.to(sample=rendition.sample).mail(),
            "sandbox": frames.PREVIEW,
            "own_files": stage_of,
            "stages": self._sources.stages(rendition),
            "source": self._sources.source_at(view.file, rendition) if view.show == "source" else None,
            "picked": self._selection(rendition, at) if (at := _line(view)) else None,
        }

    def html(self, rendition: Rendition, view: View) -> str | None:
        """Return the mail for the frame, as the view has it; None where it cannot be drawn.

        It says of all that is in it where it comes from, and is drawn as what is sent. While a template is broken it
        is the last good mail, which says nothing.
        """
        if marked := self._renditions.ask(rendition, _marked_html, view):
            return marked
        return frames.apply_view(rendition.mail.html, view) if rendition.mail and rendition.fault else None

    def marks(self, rendition: Rendition, view: View) -> Marks:
        """Return what everything in the frame comes from; nothing where it cannot be drawn."""
        return self._renditions.ask(rendition, _marks, _line(view)) or Marks({}, ())

    def message(self, rendition: Rendition) -> bytes:
        return self._sources.message(rendition)

    def _selection(self, rendition: Rendition, at: Place) -> Selection | None:
        """Return what the page says of a line; None where it is in no file of this mail."""
        if at.file not in self._gallery.files_of(rendition.template):
            return None
        source = self._gallery.source(at.file)
        drawn = self._renditions.ask(rendition, _select, at, source)
        return drawn or Selection.of(at, (), source, in_inbox=False)


def _marked_html(drawer: Drawer, order: Order, view: View) -> str | None:
    document = _document(drawer, order)
    return frames.apply_view(document.marked_html, view) if document else None


def _marks(drawer: Drawer, order: Order, at: Place | None) -> Marks | None:
    document = _document(drawer, order)
    return SourceMap(document).marks(at) if document else None


def _select(drawer: Drawer, order: Order, at: Place, source: str) -> Selection | None:
    document = _document(drawer, order)
    return SourceMap(document).selection(at, source) if document else None


def _document(drawer: Drawer, order: Order) -> Document | None:
    """Return the mail with its places, where it can be drawn."""
    try:
        document = drawer.document(order)
    except TemplateInvalid:  # saved since, and the page says so when it is drawn again
        return None
    return document if document.html else None


def _line(view: View) -> Place | None:
    try:
        return line_in(view.line)
    except ValueError as error:
        raise ValidationException(detail=str(error)) from error
