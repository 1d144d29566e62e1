"""The files that templates share: their source, and each part alone with its parameters and uses."""

from collections.abc import Iterator
from typing import Any

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.components import Options, PartNotDrawn, draw_part, parts_of
from keyturn.emails.renderers import LimitExceeded
from keyturn.emails.studio import frames
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.template_pages import undrawn_in
from keyturn.emails.studio.rendering.rendition import Drawer, Renditions
from keyturn.emails.studio.rendering.source import shared_source
from keyturn.emails.studio.view import View

_TOO_MUCH = "It cannot be rendered alone: it takes too much time or memory."


@get("/files/{name:path}", sync_to_thread=False)
def shared_file_page(
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    gallery: NamedDependency[Gallery],
    layout: NamedDependency[Layout],
) -> Response[str]:
    name = _shared_file(gallery, path_name)
    users = gallery.users(name)
    undrawn = undrawn_in(gallery, name, users)
    context = {"view": view, "source": shared_source(gallery, name), "users": users, "undrawn": undrawn}
    return layout.page("file.html", context | {"shared_file": name})


@get("/components/{name:path}", sync_to_thread=True)
def component_page(
    path_name: NamedDependency[str],
    view: NamedDependency[View],
    gallery: NamedDependency[Gallery],
    layout: NamedDependency[Layout],
) -> Response[str]:
    name = _shared_file(gallery, path_name)
    context = {
        "view": view,
        "parts": parts_of(gallery, name),
        "users": gallery.users(name),
        "shared_file": name,
        "sandbox": frames.PREVIEW,
        "mail_of": dict(own_files(gallery)),
    }
    return layout.page("component.html", context)


@get("/component-frames/{options:str}/{part:str}/{name:path}", sync_to_thread=True)
def component_frame(
    options: FromPath[Options],
    part: FromPath[str],
    path_name: NamedDependency[str],
    drawn: NamedDependency[View],
    renditions: NamedDependency[Renditions],
) -> Response[str]:
    name = _shared_file(renditions.gallery, path_name)
    try:
        html = renditions.runner.run(_draw, name, part, options, drawn)
    except (PartNotDrawn, LimitExceeded) as error:
        reason = _TOO_MUCH if isinstance(error, LimitExceeded) else str(error)
        return Response(reason, status_code=422, media_type=MediaType.TEXT)
    return frames.answer(html, drawn, frames.PREVIEW)


def _draw(drawer: Drawer, file: str, part: str, options: Options, view: View) -> str:
    """Return a part as the view has it. Raises CannotDraw, and LookupError for an unknown part."""
    gallery = drawer.gallery
    with gallery.one_look():
        wanted = next((each for each in parts_of(gallery, file) if each.name == part), None)
        if wanted is None:
            raise LookupError(f"{file} has no part named {part}.")
        language = gallery.languages.choose(view.lang).in_direction(view.dir)
        return frames.apply_view(draw_part(gallery, wanted, options, gallery.users(file), language), view)


def own_files(gallery: Gallery) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Yield each of a mail's own files with the mail and the role of the file."""
    for name in gallery.names():
        files = gallery.files(name)
        yield from ((file, (name, stage)) for file, stage in ((files.markup, "template"), (files.text, "text")) if file)


def _shared_file(gallery: Gallery, name: str) -> str:
    if name not in gallery.shared_files():
        raise LookupError(f"There is no shared file {name}.")
    return name


HANDLERS = (shared_file_page, component_page, component_frame)
