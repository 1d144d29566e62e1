"""The pages of the templates (a sample as a mail, its branches, the index of the palette) and of shared files."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromHeader

from keyturn.studio.gallery import Gallery
from keyturn.studio.inbox.mail import links_of
from keyturn.studio.lint.checks.parts import size_of
from keyturn.studio.web.checks.mail_checks import Checks
from keyturn.studio.web.pages import canvas, data_tab
from keyturn.studio.web.pages.layout import Layout, neighbours
from keyturn.studio.web.pages.tree import in_order
from keyturn.studio.web.rendering.rendition import Rendition
from keyturn.studio.web.rendering.source import shared_source
from keyturn.studio.web.view import View


@get("/files/{name:path}", sync_to_thread=False)
def shared_file_page(
    path_name: NamedDependency[str], view: NamedDependency[View], layout: NamedDependency[Layout]
) -> Response[str]:
    gallery = layout.gallery
    if path_name not in gallery.shared_files():
        raise LookupError(f"There is no shared file {path_name}.")
    context = {"view": view, "source": shared_source(gallery, path_name), "users": gallery.users(path_name)}
    return layout.page("file.html", context | {"shared_file": path_name})


@get("/templates/{name:path}", sync_to_thread=True)
def template_page(
    rendition: NamedDependency[Rendition],
    view: NamedDependency[View],
    checks: NamedDependency[Checks],
    layout: NamedDependency[Layout],
    prefer: FromHeader[str] = "",
) -> Response[str]:
    """Show a sample. A broken template has a page, too: the fault, and the last good mail behind it.

    Only the tab of the checks waits for them. With `Prefer: respond-async` (RFC 7240, 4.1), the page answers at once
    and asks for the checks afterwards.
    """
    if view.tab == "checks" and "respond-async" not in prefer:
        checks.check(rendition)
    return _page(rendition, view, checks, layout, left=True)


@get("/checks/{name:path}", sync_to_thread=True)
def checked_page(
    rendition: NamedDependency[Rendition],
    view: NamedDependency[View],
    checks: NamedDependency[Checks],
    layout: NamedDependency[Layout],
) -> Response[str]:
    """Show a sample once its mail is checked. Each further request checks other mails, for the list."""
    left = checks.check(rendition) or bool(layout.review and layout.review.look())
    return _page(rendition, view, checks, layout, left=left or layout.checks.check_more())


def _page(rendition: Rendition, view: View, checks: Checks, layout: Layout, *, left: bool) -> Response[str]:
    template = rendition.template
    context: dict[str, Any] = {
        "template": template,
        "view": view.to(sample=rendition.sample),
        "language": rendition.language.tag,
        "rendition": rendition,
        "report": checks.last_report(rendition),
        "left_to_check": left,
        "now": datetime.now().astimezone(),
    }
    if mail := rendition.mail:
        context |= {"links": links_of(mail.html, mail.text), "size": size_of(mail.html, mail.text)}
    context |= canvas.parts(layout.gallery, rendition, view)
    if view.tab == "data":
        context |= data_tab.parts(layout.gallery, template, view, rendition.data)
    return layout.page("template.html", context | _neighbours(layout.gallery, template, rendition.sample))


def _neighbours(gallery: Gallery, template: str, sample: str) -> dict[str, tuple[str, str] | None]:
    """Return the samples before and after this one in the list. Next to a branch are other branches, too."""
    order = []
    for entry in in_order(gallery.entries()):
        branches = entry.branches if entry.name == template and sample in entry.branches else ()
        order += [(entry.name, name) for name in (*entry.samples, *branches)]
    return neighbours(order, (template, sample))


class PaletteItem(msgspec.Struct, frozen=True):
    kind: Literal["Template", "Sample", "Shared file", "Page", "Mail"]
    label: str
    href: str


_MAILS_IN_PALETTE = 100


@get("/index.json", sync_to_thread=False)
def index(view: NamedDependency[View], layout: NamedDependency[Layout]) -> list[PaletteItem]:
    """Return everything in the folder, and the newest captured mails, in the view of the page that searches."""
    gallery, captured = layout.gallery, layout.studio.captured
    entries = in_order(gallery.entries())
    same = view.only("lang", "brand", "width", "scheme", "images", "tab")
    return [
        *(PaletteItem("Template", entry.name, layout.url("templates", entry.name, view=same)) for entry in entries),
        *(
            PaletteItem(
                "Sample", f"{entry.name} / {sample}", layout.url("templates", entry.name, view=same.to(sample=sample))
            )
            for entry in entries
            for sample in (*entry.samples, *entry.branches)
        ),
        *(PaletteItem("Shared file", file, layout.url("files", file, view=same)) for file in gallery.shared_files()),
        *(PaletteItem("Page", label, layout.url("pages", name, view=same)) for name, label, _ in layout.page_states),
        *(
            PaletteItem(
                "Mail", f"{mail.subject or 'No subject'} · {mail.to_line}", layout.url("inbox", mail.id, view=same)
            )
            for mail in (captured.newest(limit=_MAILS_IN_PALETTE) if captured else ())
        ),
    ]


HANDLERS = (template_page, checked_page, index, shared_file_page)
