"""The pages of the templates: a sample as a mail in its frame, its sources, the index of the
palette; shared files.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.samples import hostile
from keyturn.studio.inbox.mail import links_of
from keyturn.studio.lint.checks.parts import size_of
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.web import frames
from keyturn.studio.web.checks.reports import Checks
from keyturn.studio.web.checks.snapshots import Review
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.addresses import url
from keyturn.studio.web.pages.paging import neighbours
from keyturn.studio.web.pages.sample_pages import data_of_tab
from keyturn.studio.web.pages.tree import in_order
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.rendering.rendition import Rendition
from keyturn.studio.web.rendering.source import files_of, shared_source, source_at, stages_of
from keyturn.studio.web.rendering.source_map import (
    Marks,
    Selection,
    marks_in,
    sayings_in,
    selection_in,
)
from keyturn.studio.web.studio import Studio
from keyturn.studio.web.view import View


@get("/files/{name:path}", sync_to_thread=True)
def shared_file_page(visit: NamedDependency[Visit]) -> Response[str]:
    name = visit.name
    gallery = visit.gallery
    if name not in gallery.shared_files():
        raise LookupError(f"There is no shared file {name}.")
    context = {
        "source": shared_source(gallery, name),
        "users": gallery.users(name),
        "shared_file": name,
        "checks_at": visit.check_more(),
    }
    return visit.page("file.html", context)


@get("/templates/{name:path}", sync_to_thread=True)
def template_page(
    visit: NamedDependency[Visit],
    checks: NamedDependency[Checks],
    review: NamedDependency[Review | None],
) -> Response[str]:
    rendition = visit.rendition()
    gallery = visit.gallery
    template = rendition.template
    sample = rendition.view.sample
    view = visit.view.to(sample=sample)
    own_checks: list[Callable[[], bool]] = [partial(checks.check, rendition)]
    if review:
        own_checks.append(review.look)
    checks_at = visit.check_more(*own_checks)
    context: dict[str, Any] = {
        "template": template,
        "view": view,
        "language": rendition.language.tag,
        "rendition": rendition,
        "report": checks.last_report(rendition),
        "checks_at": checks_at,
        "now": datetime.now().astimezone(),
        "frame": view.mail(),
        "sandbox": frames.PREVIEW,
        "markup": files_of(gallery, rendition).get("template", ""),
        "stages": stages_of(gallery, rendition),
        "source": None,
        "picked": None,
        "sayings": (),
        **_neighbours(gallery, template, sample),
    }
    if view.show == "source":
        context["source"] = source_at(gallery, view.file, rendition)
    if view.place:
        context["picked"] = _selection(gallery, rendition, view.place)
    if view.tab == "reading":
        context["sayings"] = _sayings(rendition)
    if view.tab == "data":
        context |= data_of_tab(gallery, template, visit.view, rendition.data)
    mail = rendition.mail
    if mail:
        context["links"] = links_of(mail.html, mail.text)
        context["size"] = size_of(mail.html, mail.text)
    return visit.page("template.html", context)


def _selection(gallery: Gallery, rendition: Rendition, at: Place) -> Selection | None:
    """Return the selection of a line, or None if no file of this mail holds it."""
    if at.file not in gallery.files_of(rendition.template):
        return None
    return rendition.read(selection_in, at) or Selection.of(at, ())


def _sayings(rendition: Rendition) -> list[Saying]:
    sayings = rendition.read(sayings_in)
    if sayings:
        return sayings
    if rendition.fault and rendition.mail:  # the last good one
        return read_aloud(parse_html(rendition.mail.html))
    return []


def _neighbours(gallery: Gallery, template: str, sample: str) -> dict[str, tuple[str, str] | None]:
    """Return the samples before and after this one in the list.

    Next to a made-up sample are the other made-up ones of its template, too.
    """
    order = []
    for entry in in_order(gallery.entries()):
        is_here = entry.name == template
        names = list(entry.samples)
        if not names:  # they are unreadable
            names.append(sample if is_here else "")
        if is_here and sample not in names:
            names += [*entry.branches, *hostile.NAMES]
        for name in names:
            order.append((entry.name, name))
    return neighbours(order, (template, sample))


_TOO_MUCH = "The mail can be rendered, but this view of it takes too much time or memory."


@get("/frames/{name:path}", sync_to_thread=True)
def template_frame(visit: NamedDependency[Visit]) -> Response[str]:
    """Answer with the mail alone: the last good one while the template is broken, else what is
    wrong.
    """
    rendition = visit.rendition()
    view = frame_answers.view_of_template(visit.view, visit.gallery)
    html = _html(rendition, view)
    if html:
        return frame_answers.answer(html, view, frames.PREVIEW)
    fault = rendition.fault
    reason = f"{fault.place}: {fault.message}" if fault else _TOO_MUCH
    page = frames.apply_view(frames.page_of_text(reason), view)
    return frame_answers.answer(page, view, frames.PREVIEW, 422)


def _html(rendition: Rendition, view: View) -> str | None:
    """Return the mail for the frame, as the view has it: the last good one of a broken template;
    None without one.
    """
    marked = rendition.read(frames.frame_of, view)
    if marked:
        return marked
    mail = rendition.mail
    if mail and mail.text and not mail.html:
        return frame_answers.within_limits(frames.page_of_text(mail.text), view, rendition.runner)
    if mail and rendition.fault:
        return frame_answers.within_limits(mail.html, view, rendition.runner)
    return None


@get("/places/{name:path}", sync_to_thread=True)
def places(visit: NamedDependency[Visit]) -> Marks:
    return visit.rendition().read(marks_in, visit.view.place) or Marks({}, ())


class IndexItem(Struct, frozen=True):
    """A result that the palette can find. `kind`: what it is, for the reader."""

    kind: str
    label: str
    href: str


@get("/index.json", sync_to_thread=True)
def index(visit: NamedDependency[Visit], studio: NamedDependency[Studio]) -> list[IndexItem]:
    """Return everything in the folder, and the newest captured mails, in the view of the page that
    searches.
    """
    gallery = visit.gallery
    entries = in_order(gallery.entries())
    view = visit.view.only("lang", "brand", "width", "scheme", "images", "tab")
    items = []
    for entry in entries:
        address = url("templates", entry.name, view=view)
        items.append(IndexItem("Template", entry.name, address))
    for entry in entries:
        for sample in (*entry.samples, *entry.branches):
            address = url("templates", entry.name, view=view.to(sample=sample))
            items.append(IndexItem("Sample", f"{entry.name} / {sample}", address))
    for file in gallery.shared_files():
        items.append(IndexItem("Shared file", file, url("files", file, view=view)))
    if studio.pages:
        for name, label, _ in studio.pages.states:
            items.append(IndexItem("Page", label, url("pages", name, view=view)))
    if studio.captured:
        for mail in studio.captured.newest():
            label = f"{mail.subject or 'No subject'} · {mail.to_line}"
            items.append(IndexItem("Mail", label, url("inbox", mail.id, view=view)))
    return items


HANDLERS = (template_page, template_frame, places, index, shared_file_page)
