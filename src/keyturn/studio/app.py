"""The studio put together: a router for an app that is there already, and an app for the studio alone."""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.response import Redirect, ServerSentEvent
from litestar.static_files import create_static_files_router
from litestar.status_codes import HTTP_421_MISDIRECTED_REQUEST

from keyturn.resources import folder
from keyturn.studio import outbox_pages, template_pages
from keyturn.studio.captured import Captured
from keyturn.studio.checking import Checks
from keyturn.studio.events import changes
from keyturn.studio.face import HEADERS, Face
from keyturn.studio.gallery import Gallery
from keyturn.studio.hosts import known_hosts_only
from keyturn.studio.previews import Previews
from keyturn.studio.sample_pages import SamplePages
from keyturn.studio.studio import Studio
from keyturn.studio.view import read_view


def studio_router(studio: Studio, path: str = "/studio") -> Router:
    """Return the studio for mounting in an app. For development alone: it shows every mail that was captured."""
    gallery = Gallery(studio)
    captured = Captured(studio.outbox) if studio.outbox else None
    checks = Checks(studio.templates, gallery)
    face = Face(studio, gallery, captured, checks, path)
    pages = SamplePages(gallery, Previews(studio.templates, gallery), checks, studio.languages, face)

    @get("/events", sync_to_thread=False)
    def events() -> ServerSentEvent:
        return ServerSentEvent(changes(studio))

    handlers: list[Any] = [
        template_pages.first_page,
        template_pages.template_page,
        template_pages.checked_page,
        template_pages.template_frame,
        template_pages.shared_file_page,
        events,
        create_static_files_router(
            "/static",
            [folder("preview") / "static"],
            cache_control=CacheControlHeader(no_cache=True),
            after_request=_with_headers,
        ),
    ]
    parts: dict[str, Any] = {"gallery": gallery, "pages": pages, "face": face}
    if captured:
        handlers += [
            outbox_pages.outbox_page, outbox_pages.mail_page, outbox_pages.mail_frame, outbox_pages.mail_file,
        ]  # fmt: skip
        parts["captured"] = captured
    return Router(
        path,
        route_handlers=handlers,
        dependencies={name: _given(part) for name, part in parts.items()}
        | {"view": Provide(read_view, sync_to_thread=False)},
        guards=[known_hosts_only(studio.host)],
        exception_handlers={HTTPException: _error_page(face)},
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )


def create_studio_app(studio: Studio, path: str = "/studio") -> Litestar:
    """Return an app that is the studio and nothing else."""

    @get("/", include_in_schema=False, sync_to_thread=False)
    def to_the_studio() -> Redirect:
        return Redirect(path)

    return Litestar([to_the_studio, studio_router(studio, path)], openapi_config=None, logging_config=None)


async def _with_headers(answer: Response[Any]) -> Response[Any]:
    """Add the headers of the router, which files do without."""
    answer.headers.update(HEADERS)
    return answer


def _given(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


def _error_page(face: Face) -> Callable[[Request[Any, Any, Any], HTTPException], Response[str]]:
    def answer(_: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        if error.status_code == HTTP_421_MISDIRECTED_REQUEST:  # to a stranger, who is not to see the list either
            return Response(error.detail, status_code=error.status_code, media_type=MediaType.TEXT, headers=HEADERS)
        return face.page("error.html", {"status": error.status_code, "detail": error.detail}, error.status_code)

    return answer
