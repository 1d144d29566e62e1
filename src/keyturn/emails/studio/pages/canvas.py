"""What the middle of a page shows of a template: its mail in a frame, its sources, and the line that is selected."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litestar.exceptions import ValidationException

from keyturn.emails.lint.checks.sizes import CLIPPED_AT
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.frames.gmail_cut import mark_cut
from keyturn.emails.studio.rendering.rendition import Rendition, Renditions
from keyturn.emails.studio.rendering.selection import Selection, line_in
from keyturn.emails.studio.rendering.source import Sources
from keyturn.emails.studio.rendering.source_map import Marks, SourceMap
from keyturn.emails.studio.view import View
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.html_tree import parse_html

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.images import Image
    from keyturn.emails.lint.reading import Saying
    from keyturn.emails.lint.word_losses import Loss


class Canvas:
    """Shows one rendition in each of its ways. What it is asked for and does not exist is a LookupError.

    `weights` are the bytes of images that lie elsewhere, as far as they are known.
    """

    def __init__(self, renditions: Renditions, sender: str, weights: Mapping[str, int] | None = None) -> None:
        self._weights = {} if weights is None else weights
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
            "losses": self._losses(rendition) if view.scheme == "word" else None,
            "cut": rendition.mail is not None and len(rendition.mail.html.encode()) > CLIPPED_AT,
            "images": self.images(rendition) if view.tab == "checks" else (),
            "sayings": self._sayings(rendition) if view.tab == "reading" else (),
        }

    def _losses(self, rendition: Rendition) -> tuple["Loss", ...]:
        """Return what Outlook for Windows leaves out of the mail."""
        from keyturn.emails.lint.word_losses import word_losses  # noqa: PLC0415 - it reads the data on clients

        document = _document(rendition)
        return word_losses(document) if document else ()

    def _sayings(self, rendition: Rendition) -> list[tuple["Saying", Place | None]]:
        """Return what a screen reader says of the mail, each with its line where it is known."""
        from keyturn.emails.lint.reading import read_aloud  # noqa: PLC0415 - for who asks for it

        if document := _document(rendition):
            lookup = document.lookup
            return [(one, document.place(lookup.offset_of(one.element))) for one in read_aloud(document.drawn)]
        return [(one, None) for one in read_aloud(parse_html(rendition.mail.html))] if rendition.mail else []

    def html(self, rendition: Rendition) -> str | None:
        """Return the mail for the frame; None where it cannot be drawn.

        It says of all that is in it where it comes from, and is drawn as what is sent. While a template is broken it
        is the last good mail, which says nothing.
        """
        if document := _document(rendition):
            return mark_cut(document.html, document.marked_html)
        return rendition.mail.html if rendition.mail else None

    def marks(self, rendition: Rendition, view: View) -> Marks:
        """Return what everything in the frame comes from; nothing where it cannot be drawn."""
        at = _line(view)
        document = _document(rendition)
        return SourceMap(document).marks(at) if document else Marks({}, ())

    def place_of(self, rendition: Rendition) -> Callable[[str], Place]:
        """Return what tells the line of something in the frame by its key: the mail's first for what has none."""
        known = self.marks(rendition, View()).all
        first = next(iter(known.values())).trail[0] if known else Place(rendition.template)
        return lambda key: known[key].trail[0] if key in known else first

    def findings_on_images(self, rendition: Rendition) -> tuple[Finding, ...]:
        """Return what is wrong with the weight of the images that are here: nobody is asked for others."""
        from keyturn.emails.lint.browser.images import check_images  # noqa: PLC0415 - with the first mail that is measured

        document = _document(rendition)
        return tuple(check_images(document, self.images(rendition))) if document else ()

    def images(self, rendition: Rendition) -> tuple["Image", ...]:
        """Return the images of the mail, with the weights of those that are here, and of those that were asked for."""
        from keyturn.emails.lint.browser.images import files_beside, images_of  # noqa: PLC0415 - as above

        beside = files_beside(self._gallery.folder)
        document = _document(rendition)
        return images_of(document, lambda one: self._weights.get(one) or beside(one)) if document else ()

    def message(self, rendition: Rendition) -> bytes:
        return self._sources.message(rendition)

    def _selection(self, rendition: Rendition, at: Place) -> Selection | None:
        """Return what the page says of a line; None where it is in no file of this mail."""
        if at.file not in self._gallery.files_of(rendition.template):
            return None
        source, document = self._gallery.source(at.file), _document(rendition)
        return SourceMap(document).selection(at, source) if document else Selection.of(at, (), source, in_inbox=False)


def _document(rendition: Rendition) -> Document | None:
    """Return the mail with its places, where it can be drawn."""
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
