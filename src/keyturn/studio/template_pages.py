"""The pages of the templates: a sample as a mail, and the files that templates share."""

from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromHeader, FromPath
from litestar.response import Redirect
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY

from keyturn.studio import frames
from keyturn.studio.face import Face
from keyturn.studio.gallery import Gallery
from keyturn.studio.sample_pages import SamplePages
from keyturn.studio.source import shared_source
from keyturn.studio.view import View


@get("/", sync_to_thread=False)
def first_page(gallery: NamedDependency[Gallery], face: NamedDependency[Face]) -> Response[Any]:
    """Open the first template that has something to show."""
    entries = sorted(gallery.entries(), key=lambda entry: not entry.samples)
    if not entries:
        return face.page("no_templates.html", {"path": gallery.folder})
    return Redirect(face.url("templates", entries[0].name))


@get("/templates/{name:str}")
async def template_page(
    name: FromPath[str], view: NamedDependency[View], pages: NamedDependency[SamplePages], prefer: FromHeader[str] = ""
) -> Response[str]:
    """Show a sample. A broken template is a page too: the fault, and the last good mail behind it.

    Who prefers `respond-async` (RFC 7240, 4.1) gets the mail at once, and asks for its checks afterwards.
    """
    return await pages.page(name, view, at_once="respond-async" in prefer)


@get("/checks/{name:str}")
async def checked_page(
    name: FromPath[str], view: NamedDependency[View], pages: NamedDependency[SamplePages]
) -> Response[str]:
    return await pages.checked_page(name, view)


@get("/frames/{name:str}", sync_to_thread=False)
def template_frame(
    name: FromPath[str], view: NamedDependency[View], pages: NamedDependency[SamplePages]
) -> Response[str]:
    """Answer with the mail alone: the last good one while the template is broken."""
    preview = pages.draw(name, view)
    if preview.mail is None:
        reason = f"{preview.fault.place}: {preview.fault.message}" if preview.fault else f"{name} has no sample."
        return Response(reason, status_code=HTTP_422_UNPROCESSABLE_ENTITY, media_type=MediaType.TEXT)
    return frames.frame(preview.mail.html, view.scheme, frames.PREVIEW)


@get("/files/{file:path}", sync_to_thread=False)
def shared_file_page(
    file: FromPath[Path], view: NamedDependency[View], gallery: NamedDependency[Gallery], face: NamedDependency[Face]
) -> Response[str]:
    """Show a file that templates share, and which ones do."""
    name = file.as_posix().lstrip("/")
    if name not in gallery.shared():
        raise NotFoundException(detail=f"The templates share no file called {name}.")
    context = {"view": view, "source": shared_source(gallery, name), "users": gallery.users(name)}
    return face.page("file.html", context | {"shared_file": name})
