"""Shows errors as pages: a heading, a sentence, a way back, and the id of a logged request.

They show no details of the error (OWASP ASVS 16.5.1).
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from litestar.datastructures import Cookie
from litestar.datastructures.headers import Accept
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.types import ExceptionHandlersMap

from keyturn.service.api.problems import (
    MEDIA_TYPE,
    SERVER_FAULT,
    FailureLog,
    problem_answering,
    problem_handlers,
)
from keyturn.service.api.requests import AnyRequest, request_id_of
from keyturn.service.client import clip_header
from keyturn.service.pages.forgot import dead_link_page
from keyturn.service.pages.rendering import PageResponse, Pages, Visit
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.problem import Problem
from keyturn.service.problems.proofs import LinkDead, NotSignedIn, SecurityLinkDead
from keyturn.service.problems.requests import MethodNotAllowed, NotFound
from keyturn.service.settings.paths import FixedRoute
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute

log = logging.getLogger("keyturn.pages")

_FOR_PROGRAMS = {
    "/.well-known",
    "/api",
    FixedRoute.HEALTH,
    FixedRoute.METRICS,
    FixedRoute.SCHEMA,
    FixedRoute.WEBHOOKS,
}
"""The first parts of paths where everything gets the API's answers, also a browser."""


_REASONS = {
    "internal": "failed",
    "method-not-allowed": "missing",
    "not-found": "missing",
    "too-large": "too_large",
    "too-many-requests": "too_many",
    "unavailable": "failed",
}

_WITHOUT_REFERENCE = {"missing", "too_many", "busy"}
"""The reasons whose pages have no id, since the log has no more than the page."""


def refusal_handlers(pages: Pages) -> ExceptionHandlersMap:
    """Return the handlers that answer errors with pages.

    An error without a page of its own gets `refusal.html`. The handlers are functions, since
    Litestar copies routers with the objects of methods.
    """
    site = pages.site
    lines = OnceAMinute()
    failures = FailureLog()

    def refuse(
        request: AnyRequest, error: Exception, reason: str = "", cookies: Sequence[Cookie] = ()
    ) -> PageResponse:
        problem = problem_answering(error)
        reason = reason or _reason_of(problem)
        if problem.status >= SERVER_FAULT:
            request_id_of(request.scope)  # the line in the log needs the id
            failures.log(request, error)
        elif reason not in _WITHOUT_REFERENCE:
            count = lines.count(reason)
            if count:
                request_id_of(request.scope)
                log.info(LogEvent("page.refused", reason=reason, count=count))
        # The way back comes from the route. The URL of the request may hold a token.
        path = request.route_handler.opt.get("back")
        back = site.url(path) if path else site.forgot
        return refusal_page(Visit(pages, request), problem, reason, back, cookies=cookies)

    def show_dead_link(request: AnyRequest, dead: LinkDead) -> PageResponse:
        return dead_link_page(Visit(pages, request), dead)

    def show_dead_security_link(request: AnyRequest, dead: SecurityLinkDead) -> PageResponse:
        return Visit(pages, request).page("dead_security_link.html", status=dead.status)

    def lead_to_sign_in(request: AnyRequest, _: NotSignedIn) -> PageResponse:
        wanted = site.url(request.route_handler.opt.get("here", ""))
        return Visit(pages, request).redirect(site.hosted_sign_in(wanted))

    def refuse_stale_form(request: AnyRequest, error: PermissionDeniedException) -> PageResponse:
        # The cookie of the form ends, too. If it was signed with another key, every form would be
        # refused as long as the browser keeps it.
        return refuse(request, error, "stale_form", [pages.cookies.form.expire()])

    def tell_unknown_outcome(request: AnyRequest, error: OutcomeUnknown) -> PageResponse:
        # The page leads to the sign-in, where the user finds out which password works. The cookie
        # of the used link ends.
        return refuse(request, error, cookies=[pages.cookies.link.expire()])

    return {
        LinkDead: show_dead_link,
        SecurityLinkDead: show_dead_security_link,
        NotSignedIn: lead_to_sign_in,
        PermissionDeniedException: refuse_stale_form,
        OutcomeUnknown: tell_unknown_outcome,
        Exception: refuse,
    }


def _reason_of(problem: Problem) -> str:
    if problem.slug in _REASONS:
        return _REASONS[problem.slug]
    if problem.for_people:
        return problem.slug.replace("-", "_")
    if problem.status >= SERVER_FAULT:
        return "failed"
    return "unreadable"


def refusal_page(
    visit: Visit,
    problem: Problem,
    reason: str,
    back: str,
    *,
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[Cookie] = (),
) -> PageResponse:
    headers = dict(headers or {})
    if problem.retry_after and reason != "failed":
        headers["Retry-After"] = str(problem.retry_after)
    reference = ""
    if reason not in _WITHOUT_REFERENCE:
        reference = request_id_of(visit.request.scope)
        headers["X-Request-ID"] = reference
    return visit.page(
        "refusal.html",
        status=problem.status,
        headers=headers,
        cookies=cookies,
        reason=reason,
        problem=problem,
        wait=timedelta(seconds=problem.retry_after or 0),
        back=back,
        reference=reference,
    )


def service_error_handlers(pages: Pages) -> ExceptionHandlersMap:
    """Return the handlers of a service of its own, for errors outside of the routers.

    A browser gets a page for an unknown address. Everything else gets the API's answer.
    """
    to_programs = problem_handlers(pages.container.languages)[Exception]

    def answer(request: AnyRequest, error: Exception) -> PageResponse:
        problem = problem_answering(error)
        is_missing = isinstance(problem, NotFound | MethodNotAllowed)
        if not is_missing or not _is_for_people(request, pages.site.paths.api):
            return to_programs(request, error)
        headers = error.headers if isinstance(error, HTTPException) else None
        return refusal_page(
            Visit(pages, request), problem, "missing", pages.site.url("/"), headers=headers
        )

    return {Exception: answer}


def _is_for_people(request: AnyRequest, api: str) -> bool:
    """Tell whether a page is wanted. If the API is at "/", only the Accept header shows that."""
    first_part = _first_part(request.scope["path"])
    if first_part in _FOR_PROGRAMS:
        return False
    if api != "/" and first_part == _first_part(api):
        return False
    accepted = Accept(clip_header(request.headers.get("accept", "*/*")))
    return accepted.best_match([MEDIA_TYPE, "application/json", "text/html"]) == "text/html"


def _first_part(path: str) -> str:
    """Return the first part of a path, even if it begins with several slashes or with none."""
    name = path.lstrip("/").partition("/")[0]
    return f"/{name}"
