"""The studio put together: a router for an app that is there already, and an app for the studio alone."""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.response import Redirect, ServerSentEvent
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Receive, Scope, Send

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio.access.access_token import entrance
from keyturn.emails.studio.access.hosts import is_loopback, known_hosts_only
from keyturn.emails.studio.access.same_origin import same_origin_only
from keyturn.emails.studio.capture.captured_mails import Captured
from keyturn.emails.studio.capture.sending import Sending
from keyturn.emails.studio.checks.check_queue import Checks
from keyturn.emails.studio.checks.snapshots import Review
from keyturn.emails.studio.events import changes
from keyturn.emails.studio.pages import (
    data_pages,
    frame_pages,
    index_pages,
    outbox_pages,
    send_pages,
    snapshot_pages,
    template_pages,
)
from keyturn.emails.studio.pages.canvas import Canvas
from keyturn.emails.studio.pages.data_tab import DataTab
from keyturn.emails.studio.pages.error_pages import error_page, failed_page
from keyturn.emails.studio.pages.layout import HEADERS, Layout
from keyturn.emails.studio.pages.query_errors import read_view
from keyturn.emails.studio.pages.sample_pages import SamplePages
from keyturn.emails.studio.pages.send_pages import SendPages
from keyturn.emails.studio.rendering.rendition import Renditions
from keyturn.emails.studio.studio import Studio
from keyturn.packaging import folder


def studio_router(studio: Studio, path: str = "/studio") -> Router:
    """Return the studio for mounting in an app. For development alone: it shows every mail that was captured.

    Raises ValueError where others can reach it and nothing keeps them out.
    """
    if not (studio.token or is_loopback(studio.host)):
        raise ValueError(f"a studio on {studio.host} needs a token: others than this machine can reach it")
    gallery = studio.gallery
    captured = Captured(studio.outbox) if studio.outbox else None
    renditions = Renditions(gallery)
    checks = Checks(renditions, studio.clients)
    review = Review.of(studio)
    face = Layout(studio, captured, checks, review, path)
    canvas = Canvas(renditions, studio.sender)
    data_tab = DataTab(gallery, renditions.data)
    pages = SamplePages(gallery, canvas, data_tab, checks, review, face)

    @get("/events", sync_to_thread=False)
    def events() -> ServerSentEvent:
        return ServerSentEvent(changes(studio))

    handlers: list[Any] = [
        template_pages.first_page,
        template_pages.template_page,
        template_pages.checked_page,
        data_pages.edit,
        data_pages.save,
        frame_pages.template_frame,
        frame_pages.places,
        frame_pages.message_file,
        template_pages.shared_file_page,
        send_pages.send_page,
        send_pages.send,
        index_pages.contact_sheet,
        index_pages.index,
        events,
        create_static_files_router(
            "/static",
            [folder("preview") / "static"],
            cache_control=CacheControlHeader(no_cache=True),
            after_request=_with_headers,
        ),
    ]
    sending = Sending(studio.transport, studio.sender) if studio.transport else None
    parts: dict[str, Any] = {
        "gallery": gallery, "canvas": canvas, "data_tab": data_tab, "pages": pages, "face": face,
        "send_pages": SendPages(canvas, sending, face),
    }  # fmt: skip
    if captured:
        handlers += [
            outbox_pages.outbox_page, outbox_pages.mail_page, outbox_pages.mail_frame, outbox_pages.mail_file,
        ]  # fmt: skip
        parts["captured"] = captured
    if review:
        handlers += [
            snapshot_pages.snapshots_page, snapshot_pages.snapshot_page, snapshot_pages.proof_frame,
            snapshot_pages.accept_several, snapshot_pages.accept_one,
        ]  # fmt: skip
        parts["review"] = review
    else:
        handlers.append(snapshot_pages.lesson_page)
    return Router(
        path,
        route_handlers=handlers,
        dependencies={name: _given(part) for name, part in parts.items()}
        | {"view": Provide(read_view, sync_to_thread=False)},
        middleware=[_one_look_a_request(gallery)],
        before_request=entrance(studio.token, path) if studio.token else None,
        guards=[known_hosts_only(studio.host), same_origin_only],
        exception_handlers={HTTPException: error_page(face), Exception: failed_page(face)},
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )


def create_studio_app(studio: Studio, path: str = "/studio") -> Litestar:
    """Return an app that is the studio and nothing else."""

    @get("/", include_in_schema=False, sync_to_thread=False)
    def to_the_studio(request: Request[Any, Any, Any]) -> Redirect:
        return Redirect(f"{path}?{request.url.query}" if request.url.query else path)

    return Litestar([to_the_studio, studio_router(studio, path)], openapi_config=None, logging_config=None)


def _one_look_a_request(gallery: Gallery) -> Callable[[ASGIApp], ASGIApp]:
    def around(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            with gallery.one_look():
                await app(scope, receive, send)

        return answer

    return around


async def _with_headers(answer: Response[Any]) -> Response[Any]:
    """Add the headers of the router, which files do without."""
    answer.headers.update(HEADERS)
    return answer


def _given(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)
