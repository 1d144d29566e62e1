"""The studio put together: a router for an app that is there already, and an app for the studio alone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Litestar, Request, Router, get, route
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import File, Redirect
from litestar.types import ASGIApp, Receive, Scope, Send

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio.access.access_token import require_token
from keyturn.emails.studio.access.headers import HEADERS
from keyturn.emails.studio.access.hosts import is_loopback, known_hosts_only
from keyturn.emails.studio.access.same_origin import same_origin_only
from keyturn.emails.studio.api.router import inbox_api
from keyturn.emails.studio.capture.sending import Sending
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.checks.check_queue import Checks
from keyturn.emails.studio.checks.folder_checks import FolderChecks
from keyturn.emails.studio.checks.image_weights import ImageWeights
from keyturn.emails.studio.checks.known_findings import KnownFindings
from keyturn.emails.studio.checks.snapshots import Review
from keyturn.emails.studio.editing.drafts import Drafts
from keyturn.emails.studio.editing.source_files import SourceFiles
from keyturn.emails.studio.events import saved_events
from keyturn.emails.studio.pages import component_pages, hosted_page_pages, index_pages, outbox_pages, release_pages
from keyturn.emails.studio.pages.drawn_pages import DrawnPages
from keyturn.emails.studio.pages.error_pages import error_page, failed_page, missing_page
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail import (
    data_pages,
    editing_pages,
    frame_pages,
    measure_pages,
    send_pages,
    template_pages,
    weight_pages,
)
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.mail.data_tab import DataTab
from keyturn.emails.studio.pages.mail.send_pages import SendPages
from keyturn.emails.studio.pages.mail.template_pages import SamplePages
from keyturn.emails.studio.pages.query_errors import read_view
from keyturn.emails.studio.pages.review import findings_pages, revision_pages, sheet_pages, snapshot_pages
from keyturn.emails.studio.rendering.drawing import with_bounded_branches
from keyturn.emails.studio.rendering.rendition import Renditions
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View
from keyturn.packaging import folder
from keyturn.plain_files import paths_below


def studio_router(studio: Studio, path: str = "/studio") -> Router:
    """Return the studio for mounting in an app. For development alone: it shows every mail that was captured.

    Raises ValueError where others can reach it and nothing keeps them out.
    """
    if not (studio.token or is_loopback(studio.host)):
        raise ValueError(f"a studio on {studio.host} needs a token: others than this machine can reach it")
    if studio.runner:
        studio = replace(studio, gallery=with_bounded_branches(studio.gallery, studio.runner))
    renditions = Renditions(studio.gallery, studio.runner)
    review = Review.of(studio, renditions)
    known = KnownFindings(studio.gallery, studio.baseline)
    checks = Checks(renditions, studio.clients, studio.severity, known)
    folder_checks = FolderChecks(studio, renditions.runner, checks.in_browser, known)
    revisions = studio.revisions()
    sources = SourceFiles(studio.gallery, studio.read_only)
    layout = Layout(studio, folder_checks, review, sources, path, has_revisions=revisions is not None)
    weights = ImageWeights()
    canvas, data_tab = Canvas(renditions, studio.sender, weights.known), DataTab(studio.gallery, renditions.data)
    sending = Sending(studio.provider, studio.sender) if studio.provider else None
    parts = {
        "captured_checks": CapturedChecks(studio.clients),
        "studio": studio,
        "hosted": studio.pages,
        "gallery": studio.gallery,
        "captured": studio.captured,
        "sources": sources,
        "drafts": Drafts(renditions, studio.clients, studio.severity),
        "review": review,
        "revisions": revisions,
        "layout": layout,
        "canvas": canvas,
        "checks": checks,
        "folder_checks": folder_checks,
        "drawn_pages": DrawnPages(studio.pages, layout.url("page-frames")) if studio.pages else None,
        "renditions": renditions,
        "weights": weights,
        "data_tab": data_tab,
        "send_pages": SendPages(canvas, sending, layout),
        "pages": SamplePages(studio.gallery, canvas, data_tab, checks, folder_checks, review, layout),
    }
    return Router(
        path,
        route_handlers=[*_handlers(studio), _static_files()],
        dependencies={name: _provide(part) for name, part in parts.items()}
        | {"view": Provide(read_view, sync_to_thread=False), "drawn": _provide_drawn(studio.gallery)},
        middleware=[_one_look_a_request(studio.gallery)],
        before_request=require_token(studio.token, path) if studio.token else None,
        guards=[known_hosts_only(studio.host), same_origin_only],
        exception_handlers={
            HTTPException: error_page(layout),
            LookupError: missing_page(layout),
            Exception: failed_page(layout),
        },
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )


def create_studio_app(studio: Studio, path: str = "/studio") -> Litestar:
    @get("/", include_in_schema=False, sync_to_thread=False)
    def to_the_studio(request: Request[Any, Any, Any]) -> Redirect:
        return Redirect(f"{path}?{request.url.query}" if request.url.query else path)

    return Litestar([to_the_studio, *studio_routers(studio, path)], openapi_config=None, logging_config=None)


def studio_routers(studio: Studio, path: str = "/studio", programs: str = "/") -> list[Router]:
    """Return the pages, and where mails are captured, what answers programs below the path `programs`.

    Raises ValueError as `studio_router` does.
    """
    pages = studio_router(studio, path)
    return [pages, inbox_api(studio, studio.captured, programs)] if studio.captured else [pages]


def _handlers(studio: Studio) -> Iterator[HTTPRouteHandler]:
    """Yield what answers; what a studio has no folder for is not there, or a page that says how to have one."""
    always = (
        template_pages,
        component_pages,
        data_pages,
        editing_pages,
        frame_pages,
        measure_pages,
        weight_pages,
        send_pages,
        sheet_pages,
        findings_pages,
    )
    for pages in (*always, index_pages):
        yield from pages.HANDLERS
    yield saved_events
    if studio.captured:
        yield from (*outbox_pages.HANDLERS, *measure_pages.OF_CAPTURED, *release_pages.HANDLERS)
    if studio.pages:
        yield from hosted_page_pages.HANDLERS
    if studio.revisions():
        yield from revision_pages.HANDLERS
    if studio.goldens:
        yield from snapshot_pages.HANDLERS
    else:
        yield snapshot_pages.lesson_page


def _static_files() -> HTTPRouteHandler:
    """Return what answers with the static files. They are listed once: no path of a request reaches the file system."""
    below = folder("preview") / "static"
    files = {file.relative_to(below).as_posix(): file for file in paths_below(below)}

    @route(
        "/static/{path:path}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        cache_control=CacheControlHeader(no_cache=True),
    )
    async def static_file(path: FromPath[Path]) -> File:
        name = path.as_posix().removeprefix("/")
        if name not in files:
            raise LookupError("There is no such file.")
        return File(files[name], filename=files[name].name, content_disposition_type="inline")

    return static_file


def _one_look_a_request(gallery: Gallery) -> Callable[[ASGIApp], ASGIApp]:
    def wrap(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            with gallery.one_look():
                await app(scope, receive, send)

        return answer

    return wrap


def _provide_drawn(gallery: Gallery) -> Provide:
    """Return what provides the view as frames draw it: without what lies elsewhere where the folder is foreign.

    An image's address may hold what the template is given, and may be one that only this machine reaches.
    """

    def drawn(view: NamedDependency[View]) -> View:
        return view.as_loaded(gallery.folder.name) if gallery.is_foreign else view

    return Provide(drawn, sync_to_thread=False)


def _provide(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)
