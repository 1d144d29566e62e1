"""What the middle of a page shows of a template: its mail in a frame, its sources, and the line that is selected."""

from typing import Any

from litestar.exceptions import ValidationException

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Place
from keyturn.emails.studio.frames import frames
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

    def html(self, rendition: Rendition) -> str | None:
        """Return the mail for the frame; None where it cannot be drawn.

        It says of all that is in it where it comes from, and is drawn as what is sent. While a template is broken it
        is the last good mail, which says nothing.
        """
        if document := _document(rendition):
            return document.marked_html
        return rendition.mail.html if rendition.mail else None

    def marks(self, rendition: Rendition, view: View) -> Marks:
        """Return what everything in the frame comes from; nothing where it cannot be drawn."""
        at = _line(view)
        document = _document(rendition)
        return SourceMap(document).marks(at) if document else Marks({}, ())

    def message(self, rendition: Rendition) -> bytes:
        return self._sources.message(rendition)

    def _selection(self, rendition: Rendition, at: Place) -> Selection | None:
        """Return what the page says of a line; None where it is in no file of this mail."""
        if at.file not in self._gallery.files_of(rendition.template):
            return None
        source, document = self._gallery.source(at.file), _document(rendition)
        return SourceMap(document).selection(at, source) if document else Selection.of(at, (), source, in_inbox=False)


def _document(rendition: Rendition) -> Document | None:
    """Return the mail with its places, where it can be drawn as it would be sent: without stand-ins."""
    if rendition.fault:
        return None
    try:
        document = rendition.document()
    except (TemplateInvalid, LookupError):  # the page says so
        return None
    return document if document.html else None


def _line(view: View) -> Place | None:
    try:
        return line_in(view.line)
    except ValueError as error:
        raise ValidationException(detail=str(error)) from error
