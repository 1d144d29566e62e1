"""What mails share, part by part: parameters, every use, and how it looks alone."""

from collections.abc import Iterator
from pathlib import Path

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.components.drawing import CannotDraw, Options, draw_part
from keyturn.emails.gallery.components.parts import parts_of
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.rendering.drawing import Drawer
from keyturn.emails.studio.rendering.rendition import Renditions
from keyturn.emails.studio.view import View
from keyturn.emails.workers import LimitExceeded

_TOO_MUCH = "To draw it alone takes more time or memory than a mail may."


@get("/components/{file:path}", sync_to_thread=True)
def component_page(
    file: FromPath[Path],
    view: NamedDependency[View],
    gallery: NamedDependency[Gallery],
    layout: NamedDependency[Layout],
) -> Response[str]:
    """Show the parts of a file that templates share."""
    name = _shared_file(gallery, file)
    context = {
        "view": view,
        "parts": parts_of(gallery, name),
        "users": gallery.users(name),
        "shared_file": name,
        "sandbox": frames.PREVIEW,
        "mail_of": dict(_own_files(gallery)),
    }
    return layout.page("component.html", context)


@get("/component-frames/{options:str}/{part:str}/{file:path}", sync_to_thread=True)
def component_frame(
    options: FromPath[Options],
    part: FromPath[str],
    file: FromPath[Path],
    drawn: NamedDependency[View],
    renditions: NamedDependency[Renditions],
) -> Response[str]:
    """Answer with a part alone, or with what keeps it from being drawn."""
    name = _shared_file(renditions.gallery, file)
    try:
        html = renditions.runner.run(_draw, name, part, options, drawn)
    except (CannotDraw, LimitExceeded) as error:
        reason = _TOO_MUCH if isinstance(error, LimitExceeded) else str(error)
        return Response(reason, status_code=HTTP_422_UNPROCESSABLE_ENTITY, media_type=MediaType.TEXT)
    return frames.answer(html, drawn, frames.PREVIEW)


def _draw(drawer: Drawer, file: str, part: str, options: Options, view: View) -> str:
    """Return a part as the view has it. Raises CannotDraw, and LookupError where there is none."""
    gallery = drawer.gallery
    with gallery.one_look():
        wanted = next((one for one in parts_of(gallery, file) if one.name == part), None)
        if wanted is None:
            raise LookupError(f"{file} has no part called {part}.")
        language = gallery.languages.choose(view.lang).in_direction(view.dir)
        return frames.apply_view(draw_part(gallery, wanted, options, gallery.users(file), language), view)


def _own_files(gallery: Gallery) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each file of a mail's own with the mail, and what it is to it."""
    for name in gallery.names():
        files = gallery.files(name)
        yield from ((file, (name, stage)) for file, stage in ((files.markup, "template"), (files.text, "text")) if file)


def _shared_file(gallery: Gallery, file: Path) -> str:
    name = name_in_path(file)
    if name not in gallery.shared_files():
        raise LookupError(f"The templates share no file called {name}.")
    return name


HANDLERS = (component_page, component_frame)
