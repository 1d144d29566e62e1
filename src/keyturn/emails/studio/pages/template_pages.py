"""The pages of the templates: a sample as a mail, and the files that templates share."""

from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromHeader, FromPath
from litestar.response import Redirect

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.pages.sample_pages import SamplePages
from keyturn.emails.studio.pages.tree import in_order
from keyturn.emails.studio.rendering.source import shared_source
from keyturn.emails.studio.view import View


@get("/", sync_to_thread=False)
def first_page(
    view: NamedDependency[View], gallery: NamedDependency[Gallery], layout: NamedDependency[Layout]
) -> Response[Any]:
    """Open the first template that has something to show."""
    entries = sorted(in_order(gallery.entries()), key=lambda entry: (not entry.samples, entry.guessed))
    if not entries:
        return layout.page("no_templates.html", {"path": gallery.folder})
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
    if name not in gallery.shared():
        raise NotFoundException(detail=f"The templates share no file called {name}.")
    context = {"view": view, "source": shared_source(gallery, name), "users": gallery.users(name)}
    return layout.page("file.html", context | {"shared_file": name})


HANDLERS = (first_page, template_page, checked_page, shared_file_page)
