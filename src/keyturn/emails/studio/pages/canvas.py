"""What the middle of a page shows of a template: its mail in a frame, its sources, and the line that is picked out."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from litestar.exceptions import NotFoundException, ValidationException

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.finding import Place
from keyturn.emails.studio.data.current_data import CurrentDataReader
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.view import View
from keyturn.emails.studio.rendering.previews import Preview, Previews
from keyturn.emails.studio.rendering.selection import line_in
from keyturn.emails.studio.rendering.source import Sources
from keyturn.emails.studio.rendering.source_map import Marks, SourceMap


class Canvas:
    """Whatever this is asked for and does not exist is a NotFoundException."""

    def __init__(self, gallery: Gallery, giving: CurrentDataReader, sender: str) -> None:
        self._previews = Previews(gallery, giving)
        self._pixels = SourceMap(gallery, giving)
        self._sources = Sources(gallery, sender)

    def preview(self, template: str, view: View) -> Preview:
        with _found():
            return self._previews.draw(template, view)

    def parts(self, template: str, view: View, preview: Preview) -> dict[str, Any]:
        """Return what the page needs to know, beside the mail itself."""
        with _found():
            return {
                "frame": view.to(sample=preview.sample).mail(),
                "sandbox": frames.PREVIEW,
                "own_files": {file: stage for stage, file in self._sources.files(template, preview).items()},
                "stages": self._sources.stages(template, preview),
                "source": self._sources.at(view.file, template, preview) if view.show == "source" else None,
                "picked": self._pixels.picked(template, view, at) if (at := _line(view)) else None,
            }

    def html(self, template: str, view: View) -> str | None:
        """Return the mail for the frame; None where it cannot be drawn.

        It says of all that is in it where it comes from, and is drawn as what is sent. While a template is broken it
        is the last good mail, which says nothing.
        """
        with _found():
            if document := self._pixels.document(template, view):
                return document.marked_html
        mail = self.preview(template, view).mail
        return mail.html if mail else None

    def marks(self, template: str, view: View) -> Marks:
        with _found():
            return self._pixels.marks(template, view, _line(view))

    def message(self, template: str, view: View) -> EmailMessage:
        with _found():
            return self._sources.message(template, self._previews.draw(template, view))


def _line(view: View) -> Place | None:
    try:
        return line_in(view.line)
    except ValueError as error:
        raise ValidationException(detail=str(error)) from error


@contextmanager
def _found() -> Iterator[None]:
    try:
        yield
    except LookupError as error:
        raise NotFoundException(detail=str(error)) from error
