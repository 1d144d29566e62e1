"""The pages around a service of its own: a start page, and a page for unknown addresses.

Mounted in an app, the pages bring neither: the app owns "/" and its unknown addresses.
"""

from urllib.parse import urlencode

from litestar.datastructures.headers import Accept
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from keyturn.service.api.problems import MEDIA_TYPE as PROBLEM_TYPE
from keyturn.service.api.problems import problem_answering, problem_handlers
from keyturn.service.api.requests import AnyRequest, reading
from keyturn.service.pages.refusals import refusal_page
from keyturn.service.pages.rendering import Answer, GivenVisit, Pages, Visit
from keyturn.service.problems.requests import MethodNotAllowed, NotFound
from keyturn.service.reset.records.client import clip_header

_FOR_PROGRAMS = {".well-known", "api", "health", "metrics", "schema", "webhooks"}


@reading("/", include_in_schema=False)
async def redirect_home(visit: GivenVisit) -> Answer:
    """Lead to the first page of a visit."""
    return visit.redirect(visit.site.url(visit.site.paths.sign_in) if visit.parts.sign_ins else visit.site.forgot)


@reading("/.well-known/change-password", include_in_schema=False)
async def redirect_to_change(visit: GivenVisit) -> Answer:
    """Lead password managers to the form for changing a password, after a sign-in if need be.

    "A Well-Known URL for Changing Passwords" (https://w3c.github.io/webappsec-change-password-url/).
    """
    site, form = visit.site, visit.site.url(visit.site.paths.reset)
    if not visit.parts.sign_ins:
        return visit.redirect(site.forgot)
    signed_in = await visit.signed_in()
    return visit.redirect(form if signed_in else f"{site.url(site.paths.sign_in)}?{urlencode({'next': form})}")


def service_error_handlers(pages: Pages) -> ExceptionHandlersMap:
    """Return the API's handler, with a page for browsers at an unknown address."""
    to_programs = problem_handlers(pages.parts.languages)[Exception]

    def answer(request: AnyRequest, error: Exception) -> Answer:
        problem = problem_answering(error)
        if not isinstance(problem, NotFound | MethodNotAllowed) or not _is_for_people(request, pages.site.paths.api):
            return to_programs(request, error)
        headers = error.headers if isinstance(error, HTTPException) else None
        return refusal_page(Visit(pages, request), problem, "missing", pages.site.url("/"), headers=headers)

    return {Exception: answer}


def _is_for_people(request: AnyRequest, api: str) -> bool:
    """Tell whether a page is wanted. If the API is at "/", only the Accept header shows that."""
    if _first_part(request.scope["path"]) in {*_FOR_PROGRAMS, _first_part(api)} - {""}:
        return False
    accepted = Accept(clip_header(request.headers.get("accept", "*/*")))
    return accepted.best_match([PROBLEM_TYPE, "application/json", "text/html"]) == "text/html"


def _first_part(path: str) -> str:
    """Return the first part of a path, whatever a client or a server made of it."""
    return path.lstrip("/").partition("/")[0]
