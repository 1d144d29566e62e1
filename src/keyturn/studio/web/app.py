"""The studio put together: an app of its own, and routers for an existing app."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Litestar, Request, Response, Router, get, route
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import File, Redirect
from litestar.status_codes import HTTP_404_NOT_FOUND
from litestar.types import ASGIApp, Receive, Scope, Send

from keyturn.extras import folder
from keyturn.plain_files import paths_below
from keyturn.studio.gallery import Gallery
from keyturn.studio.snapshots import SnapshotFolder, Snapshots
from keyturn.studio.web.access import HEADERS, admit_pages, require_token
from keyturn.studio.web.api import inbox_api
from keyturn.studio.web.checks.captured_checks import CapturedChecks
from keyturn.studio.web.checks.reports import Checks, FolderChecks
from keyturn.studio.web.checks.snapshots import Review, difference_within_limits
from keyturn.studio.web.drafts import Drafts
from keyturn.studio.web.events import saved_events
from keyturn.studio.web.failures import answer_problem, exception_handlers, problem
from keyturn.studio.web.pages import (
    contact_sheet,
    editing_pages,
    hosted_pages,
    inbox_pages,
    review_pages,
    sample_pages,
    sending_pages,
    template_pages,
)
from keyturn.studio.web.pages.layout import Layout, error_page
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.rendering.rendition import Renditions, with_bounded_branches
from keyturn.studio.web.source_files import SourceFiles
from keyturn.studio.web.studio import PATH, Studio

__all__ = ["Studio", "create_studio_app", "studio_routers"]


def create_studio_app(studio: Studio, programs: str = "/") -> Litestar:
    """Return the studio as an app of its own, with the API for programs below `programs`."""
    return Litestar(
        [_to_the_studio, *studio_routers(studio, programs)],
        exception_handlers={HTTPException: _answer_without_route},
        openapi_config=None,
        logging_config=None,
    )


@get("/", include_in_schema=False, sync_to_thread=False)
def _to_the_studio(request: Request[Any, Any, Any]) -> Redirect:
    query = request.url.query
    return Redirect(f"{PATH}?{query}" if query else PATH, headers=HEADERS)


def _answer_without_route(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code == HTTP_404_NOT_FOUND:
        error = NotFoundException(detail=f"There is no page {request.url.path}.")
    return answer_problem(request, error)


def studio_routers(studio: Studio, programs: str = "/") -> list[Router]:
    """Return the pages and, if mails are captured, the API for programs below the path `programs`.

    For development only: the pages show every captured mail. Raises ValueError if other machines
    can reach a studio without a token.
    """
    if studio.is_shared and not studio.token:
        raise ValueError(
            f"a studio on {studio.host} needs a token, because other machines can reach it"
        )
    if studio.runner:
        studio = replace(studio, gallery=with_bounded_branches(studio.gallery, studio.runner))
    routers = [_pages(studio)]
    if studio.captured:
        routers.append(inbox_api(studio, studio.captured, programs))
    return routers


def _pages(studio: Studio) -> Router:
    """Build what the pages need, in the order in which it depends on each other."""
    gallery = studio.gallery
    renditions = Renditions(gallery, studio.runner)
    settings = studio.settings
    folder_checks = FolderChecks(gallery, settings, studio.baseline, renditions.runner)
    sources = SourceFiles(gallery, studio.read_only)
    review = _review(studio, renditions)
    layout = Layout(studio, renditions.runner, folder_checks, sources, review)

    def visit(request: Request[Any, Any, Any]) -> Visit:
        return Visit(request, layout, renditions, folder_checks)

    shared = {
        "studio": studio,
        "captured": studio.captured,
        "hosted": studio.pages,
        "checks": Checks(gallery, settings, studio.baseline),
        "captured_checks": CapturedChecks(renditions.runner, settings),
        "drafts": Drafts(settings),
        "sources": sources,
        "review": review,
    }
    dependencies = {name: _provide(part) for name, part in shared.items()}
    dependencies["visit"] = Provide(visit, sync_to_thread=False)
    middleware = [_one_look_a_request(gallery)]
    if studio.token:
        middleware.insert(0, require_token(studio))
    return Router(
        PATH,
        route_handlers=[*_handlers(studio), _static_files()],
        dependencies=dependencies,
        middleware=middleware,
        guards=[admit_pages(studio)],
        exception_handlers=exception_handlers(error_page(layout)),
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )


def _review(studio: Studio, renditions: Renditions) -> Review | None:
    """Return the comparison with the snapshots; None without a folder for them."""
    if not studio.settings.snapshots:
        return None
    snapshots = Snapshots(
        studio.gallery,
        SnapshotFolder(studio.settings.snapshots),
        studio.settings.snapshot_languages,
        render=renditions.render,
        differ=difference_within_limits(renditions.runner),
    )
    return Review(snapshots)


def _provide(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


def _handlers(studio: Studio) -> Iterator[HTTPRouteHandler]:
    """Yield the handlers of the pages.

    Without a folder for a page, there is no page, or one that says how to begin.
    """
    for pages in (template_pages, sample_pages, editing_pages, sending_pages, contact_sheet):
        yield from pages.HANDLERS
    yield from (review_pages.findings_page, saved_events, _no_page)
    if studio.captured:
        yield from inbox_pages.HANDLERS
    if studio.pages:
        yield from hosted_pages.HANDLERS
    if studio.settings.snapshots:
        yield from review_pages.SNAPSHOT_HANDLERS
    else:
        yield review_pages.lesson_page


@route(
    ["/{path:path}", "/templates", "/files"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST],
    sync_to_thread=False,
)
def _no_page(request: Request[Any, Any, Any]) -> Response[Any]:
    missing = f"There is no page {request.url.path}."
    if "text/html" in request.headers.get("accept", ""):
        raise LookupError(missing)
    return problem(HTTP_404_NOT_FOUND, missing)


def _static_files() -> HTTPRouteHandler:
    """Return the route of the static files.

    The files are listed once: no request path reaches the file system.
    """
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
    """Return the middleware with which all parts of a request see the folder in one state."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            with gallery.one_look():
                await app(scope, receive, send)

        return answer

    return wrap
