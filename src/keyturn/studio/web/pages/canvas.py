"""The middle of a page: a mail in a frame, its sources, and the selected line."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.web import frames
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.layout import Layout
from keyturn.studio.web.rendering.rendition import Rendition
from keyturn.studio.web.rendering.source import files_of, source_at, stages_of
from keyturn.studio.web.rendering.source_map import Marks, Selection, line_in, marks_in, sayings_in, selection_in
from keyturn.studio.web.view import View


def parts(gallery: Gallery, rendition: Rendition, view: View) -> dict[str, Any]:
    """Return what a page shows of a mail."""
    return {
        "frame": view.to(sample=rendition.sample).mail(),
        "sandbox": frames.PREVIEW,
        "markup": files_of(gallery, rendition).get("template", ""),
        "stages": stages_of(gallery, rendition),
        "source": source_at(gallery, view.file, rendition) if view.show == "source" else None,
        "picked": _selection(gallery, rendition, at) if (at := _line(view)) else None,
        "sayings": _sayings(rendition) if view.tab == "reading" else (),
    }


def _sayings(rendition: Rendition) -> Sequence[Saying]:
    if sayings := rendition.read(sayings_in):
        return sayings
    return read_aloud(parse_html(rendition.mail.html)) if rendition.mail and rendition.fault else ()


def _selection(gallery: Gallery, rendition: Rendition, at: Place) -> Selection | None:
    """Return the selection of a line, or None if no file of this mail holds it."""
    if at.file not in gallery.files_of(rendition.template):
        return None
    return rendition.read(selection_in, at) or Selection.of(at, ())


def _html(rendition: Rendition, view: View) -> str | None:
    """Return the mail for the frame, as the view has it; None if it cannot be rendered.

    The mail is rendered as it is sent, with the origins of its parts. While a template is broken, it is the last good
    mail, without origins. A mail of text alone is a page of its text.
    """
    if marked := rendition.read(frames.frame_of, view):
        return marked
    mail = rendition.mail
    if mail and mail.text and not mail.html:
        return frames.apply_view(frames.page_of_text(mail.text), view)
    return frames.apply_view(mail.html, view) if mail and rendition.fault else None


def _line(view: View) -> Place | None:
    try:
        return line_in(view.line)
    except ValueError as error:
        raise ValidationException(detail=str(error)) from error


_TOO_MUCH = "The mail can be rendered, but this view of it takes too much time or memory."


@get("/frames/{name:path}", sync_to_thread=True)
def template_frame(
    rendition: NamedDependency[Rendition], view: NamedDependency[View], layout: NamedDependency[Layout]
) -> Response[str]:
    """Answer with the mail alone: the last good one while the template is broken, else what is wrong."""
    view = layout.as_loaded(view)
    if html := _html(rendition, view):
        return frame_answers.answer(html, view, frames.PREVIEW)
    fault = rendition.fault
    reason = f"{fault.place}: {fault.message}" if fault else _TOO_MUCH
    html = frames.apply_view(frames.page_of_text(reason), view)
    page = frame_answers.answer(html, view, frames.PREVIEW)
    page.status_code = 422
    return page


@get("/places/{name:path}", sync_to_thread=True)
def places(rendition: NamedDependency[Rendition], view: NamedDependency[View]) -> Marks:
    return rendition.read(marks_in, _line(view)) or Marks({}, ())


HANDLERS = (template_frame, places)
