"""The pages of the templates: a sample as a mail in its frame, its sources, the index of the
palette; shared files.
"""

from datetime import datetime
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.samples import hostile
from keyturn.studio.inbox.mail import links_of
from keyturn.studio.lint.checks.parts import size_of
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.web import frames
from keyturn.studio.web.pages import frame_answers
from keyturn.studio.web.pages.layout import Visit, neighbours
from keyturn.studio.web.pages.tree import in_order
from keyturn.studio.web.pages.writing_pages import data_of_tab
from keyturn.studio.web.rendering.rendition import Rendition
from keyturn.studio.web.rendering.source import files_of, shared_source, source_at, stages_of
from keyturn.studio.web.rendering.source_map import (
    Marks,
    Selection,
    marks_in,
    sayings_in,
    selection_in,
)
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
    }
    return visit.page("file.html", context | {"checks_at": visit.check_more()})


@get("/templates/{name:path}", sync_to_thread=True)
def template_page(visit: NamedDependency[Visit]) -> Response[str]:
    rendition = visit.rendition
    gallery = visit.gallery
    view = visit.view
    template = rendition.template
    sample = rendition.view.sample
    checks = visit.layout.checks
    review = visit.layout.review
    more = visit.check_more(lambda: checks.check(rendition), lambda: bool(review and review.look()))
    context: dict[str, Any] = {
        "template": template,
        "view": view.to(sample=sample),
        "language": rendition.language.tag,
        "rendition": rendition,
        "report": checks.last_report(rendition),
        "checks_at": more,
        "now": datetime.now().astimezone(),
        "frame": view.to(sample=sample).mail(),
        "sandbox": frames.PREVIEW,
        "markup": files_of(gallery, rendition).get("template", ""),
        "stages": stages_of(gallery, rendition),
        "source": source_at(gallery, view.file, rendition) if view.show == "source" else None,
        "picked": _selection(gallery, rendition, view.place) if view.place else None,
        "sayings": _sayings(rendition) if view.tab == "reading" else (),
        **_neighbours(gallery, template, sample),
    }
    mail = rendition.mail
    if mail:
        context["links"] = links_of(mail.html, mail.text)
        context["size"] = size_of(mail.html, mail.text)
    if view.tab == "data":
        context |= data_of_tab(gallery, template, view, rendition.data)
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
        names = list(entry.samples)
        if not names:  # they are unreadable
            names.append(sample if entry.name == template else "")
        if entry.name == template and sample not in names:
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
    view = visit.layout.as_loaded(visit.view)
    html = _html(visit.rendition, view)
    if html:
        return frame_answers.answer(html, view, frames.PREVIEW)
    fault = visit.rendition.fault
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
    return visit.rendition.read(marks_in, visit.view.place) or Marks({}, ())


@get("/index.json", sync_to_thread=True)
def index(visit: NamedDependency[Visit]) -> list[dict[str, Any]]:
    """Return everything in the folder, and the newest captured mails, in the view of the page that
    searches.
    """
    gallery = visit.gallery
    layout = visit.layout
    captured = visit.studio.captured
    entries = in_order(gallery.entries())
    same = visit.view.only("lang", "brand", "width", "scheme", "images", "tab")

    def item(kind: str, label: str, *parts: str, view: View = same) -> dict[str, Any]:
        return {"kind": kind, "label": label, "href": layout.url(*parts, view=view)}

    items = [item("Template", entry.name, "templates", entry.name) for entry in entries]
    for entry in entries:
        for sample in (*entry.samples, *entry.branches):
            label = f"{entry.name} / {sample}"
            view = same.to(sample=sample)
            items.append(item("Sample", label, "templates", entry.name, view=view))
    for file in gallery.shared_files():
        items.append(item("Shared file", file, "files", file))
    for name, label, _ in layout.page_states:
        items.append(item("Page", label, "pages", name))
    for mail in captured.newest() if captured else ():
        label = f"{mail.subject or 'No subject'} · {mail.to_line}"
        items.append(item("Mail", label, "inbox", mail.id))
    return items


HANDLERS = (template_page, template_frame, places, index, shared_file_page)
