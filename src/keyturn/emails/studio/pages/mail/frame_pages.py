"""The mail by itself: for the frame, where everything in the frame comes from, and as a file."""

import re
from pathlib import Path

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_422_UNPROCESSABLE_ENTITY

from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.rendering.source_map import Marks
from keyturn.emails.studio.view import View

_TOO_MUCH = "To show this mail so takes more time or memory than it may, though it can be drawn."


@get("/frames/{name:path}", sync_to_thread=True)
def template_frame(
    name: FromPath[Path], drawn: NamedDependency[View], canvas: NamedDependency[Canvas]
) -> Response[str]:
    """Answer with the mail alone: the last good one while the template is broken."""
    rendition = canvas.rendition(name_in_path(name), drawn)
    if html := canvas.html(rendition, drawn):
        return frames.answer(html, drawn, frames.PREVIEW)
    fault = rendition.fault
    empty = f"{rendition.template} has no sample."
    reason = f"{fault.place}: {fault.message}" if fault else empty if rendition.is_empty else _TOO_MUCH
    return Response(reason, status_code=HTTP_422_UNPROCESSABLE_ENTITY, media_type=MediaType.TEXT)


@get("/places/{name:path}", sync_to_thread=True)
def places(name: FromPath[Path], view: NamedDependency[View], canvas: NamedDependency[Canvas]) -> Response[Marks]:
    """Say which line of the templates each part of the frame comes from."""
    return Response(canvas.marks(canvas.rendition(name_in_path(name), view), view), media_type=MediaType.JSON)


@get("/eml/{name:path}", sync_to_thread=True)
def message_file(name: FromPath[Path], view: NamedDependency[View], canvas: NamedDependency[Canvas]) -> Response[bytes]:
    """Hand out the whole message, to be opened in a mail program."""
    template = name_in_path(name)
    message = canvas.message(canvas.rendition(template, view))
    file = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{template} {view.sample}").strip("-")
    headers = {"content-disposition": f'attachment; filename="{file}.eml"'}
    return Response(message, media_type="message/rfc822", headers=headers)


HANDLERS = (template_frame, places, message_file)
