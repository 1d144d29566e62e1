"""The pages of the templates: a sample as a mail, and the files that templates share."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromHeader, FromPath
from litestar.response import Redirect

from keyturn.emails.gallery import Gallery
from keyturn.emails.inbox.links import links_of
from keyturn.emails.lint.checks.sizes import size_of
from keyturn.emails.studio.checks.check_queue import Checks
from keyturn.emails.studio.checks.folder_checks import FolderChecks
from keyturn.emails.studio.checks.snapshots import Review
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.mail.coverage import mail_coverage, undrawn_in
from keyturn.emails.studio.pages.mail.data_tab import DataTab
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.pages.tree import in_order
from keyturn.emails.studio.rendering.rendition import Rendition
from keyturn.emails.studio.rendering.source import shared_source
from keyturn.emails.studio.view import View


@dataclass(frozen=True, slots=True)
class SamplePages:
    """Makes the page of a sample: its mail, its data, and what the checks say of it.

    Whatever it is asked for and does not exist is a LookupError. All that waits for a drawing or a check does so in a
    thread: who asks for something else meanwhile is answered.
    """

    gallery: Gallery
    canvas: Canvas
    data_tab: DataTab
    checks: Checks
    folder_checks: FolderChecks
    review: Review | None
    layout: Layout

    async def page(self, template: str, view: View, *, at_once: bool) -> Response[str]:
        """Return the page. Only the tab of the checks waits for them, and not if the mail is wanted at once."""
        rendition = await asyncio.to_thread(self.canvas.rendition, template, view)
        if view.tab == "checks" and not at_once:
            await asyncio.to_thread(self.checks.check, rendition)
        return await asyncio.to_thread(self._page, rendition, view, left=True)

    async def checked_page(self, template: str, view: View) -> Response[str]:
        """Return the page when its mail is checked. Asked again, go on with other mails, for the list."""
        rendition = await asyncio.to_thread(self.canvas.rendition, template, view)
        left = await asyncio.to_thread(self.checks.check, rendition)
        left = left or (self.review is not None and await asyncio.to_thread(self.review.look))
        left = left or await asyncio.to_thread(self.folder_checks.check_more)
        return await asyncio.to_thread(self._page, rendition, view, left=left)

    def _page(self, rendition: Rendition, view: View, *, left: bool) -> Response[str]:
        template = rendition.template
        context: dict[str, Any] = {
            "template": template,
            "view": view.to(sample=rendition.sample),
            "language": rendition.language.tag,
            "rendition": rendition,
            "report": self.checks.last_report(rendition),
            "left_to_check": left,
            "coverage": mail_coverage(self.gallery, template),
            "now": datetime.now().astimezone(),
        }
        if rendition.is_empty:
            return self.layout.page("no_samples.html", context | self.data_tab.start(template))
        if mail := rendition.mail:
            context |= {"links": links_of(mail.html, mail.text), "size": size_of(mail.html, mail.text)}
        context |= self.canvas.parts(rendition, view)
        if context["source"]:
            context["undrawn"] = undrawn_in(self.gallery, context["source"].file, [template])
        if view.tab == "data":
            context |= self.data_tab.parts(template, view, rendition.data)
        return self.layout.page("template.html", context | self._neighbours(template, rendition.sample))

    def _neighbours(self, template: str, sample: str) -> dict[str, tuple[str, str] | None]:
        """Return the samples before and after this one, in the order of the list; of a branch other branches, too."""
        order = []
        for entry in in_order(self.gallery.entries()):
            branches = entry.branches if entry.name == template and sample in entry.branches else ()
            order += [(entry.name, name) for name in (*entry.samples, *branches)]
        here = order.index((template, sample)) if (template, sample) in order else 0
        return {
            "before": order[here - 1] if here > 0 else None,
            "after": order[here + 1] if here + 1 < len(order) else None,
        }


@get("/", sync_to_thread=False)
def first_page(
    view: NamedDependency[View], gallery: NamedDependency[Gallery], layout: NamedDependency[Layout]
) -> Response[Any]:
    """Open the first template that has something to show."""
    entries = sorted(in_order(gallery.entries()), key=lambda entry: (not entry.samples, entry.guessed))
    if not entries:
        return layout.page("no_templates.html", {"path": gallery.folder, "gone": not gallery.folder.is_dir()})
    return Redirect(layout.url("templates", entries[0].name, view=view))


@get("/templates/{name:path}")
async def template_page(
    name: FromPath[Path], view: NamedDependency[View], pages: NamedDependency[SamplePages], prefer: FromHeader[str] = ""
) -> Response[str]:
    """Show a sample. A broken template is a page too: the fault, and the last good mail behind it.

    Who prefers `respond-async` (RFC 7240, 4.1) gets the mail at once, and asks for its checks afterwards.
    """
    return await pages.page(name_in_path(name), view, at_once="respond-async" in prefer)


@get("/checks/{name:path}")
async def checked_page(
    name: FromPath[Path], view: NamedDependency[View], pages: NamedDependency[SamplePages]
) -> Response[str]:
    return await pages.checked_page(name_in_path(name), view)


@get("/files/{file:path}", sync_to_thread=False)
def shared_file_page(
    file: FromPath[Path],
    view: NamedDependency[View],
    gallery: NamedDependency[Gallery],
    layout: NamedDependency[Layout],
) -> Response[str]:
    """Show a file that templates share, and which ones do."""
    name = name_in_path(file)
    if name not in gallery.shared_files():
        raise LookupError(f"The templates share no file called {name}.")
    users = gallery.users(name)
    undrawn = undrawn_in(gallery, name, users)
    context = {"view": view, "source": shared_source(gallery, name), "users": users, "undrawn": undrawn}
    return layout.page("file.html", context | {"shared_file": name})


HANDLERS = (first_page, template_page, checked_page, shared_file_page)
