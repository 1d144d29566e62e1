"""Errors as pages: a heading, a sentence, a way back, and no internal detail (OWASP ASVS 16.5.1).

The page of an error that the log explains shows the id of the request, by which support finds its line.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from litestar.datastructures import Cookie
from litestar.exceptions import PermissionDeniedException
from litestar.types import ExceptionHandlersMap

from keyturn.service.api.problems import SERVER_FAULT, FailureLog, problem_answering
from keyturn.service.api.requests import AnyRequest, request_id_of
from keyturn.service.pages.forgot import dead_link_page
from keyturn.service.pages.rendering import Answer, Pages, Visit
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.problem import Problem
from keyturn.service.problems.proofs import LinkDead, NotSignedIn, SecurityLinkDead
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute

log = logging.getLogger("keyturn.pages")

_REASONS = {
    "internal": "failed",
    "method-not-allowed": "missing",
    "not-found": "missing",
    "reset-refused": "refused",
    "too-large": "too_large",
    "too-many-requests": "too_many",
    "unavailable": "failed",
}
"""The names in `refusal.html` that differ from the slug of the problem."""

_WITHOUT_REFERENCE = {"missing", "too_many", "busy"}
"""The reasons whose page says everything: the log has no more."""


def refusal_handlers(pages: Pages) -> ExceptionHandlersMap:
    """Return what answers errors with pages. One without a page of its own gets `refusal.html`."""
    site, cookies, refused, log_failure = pages.site, pages.cookies, OnceAMinute(), FailureLog()

    def refuse(request: AnyRequest, error: Exception, reason: str = "", ended: Sequence[Cookie] = ()) -> Answer:
        problem = problem_answering(error)
        reason = reason or _reason_of(problem)
        if problem.status >= SERVER_FAULT:
            request_id_of(request.scope)  # the log has it from here on
            log_failure(request, error)
        elif reason not in _WITHOUT_REFERENCE and (count := refused.count(reason)):
            request_id_of(request.scope)
            log.info(LogEvent("page.refused", reason=reason, count=count))
        # The way back comes from the route, not from the address of the request, which may hold a token.
        back = request.route_handler.opt.get("back")
        way = site.url(back) if back else site.forgot
        return refusal_page(Visit(pages, request), problem, reason, way, cookies=ended)

    def lead_to_sign_in(request: AnyRequest, _: NotSignedIn) -> Answer:
        """Lead to the sign-in, and from there back to the requested page."""
        wanted = site.url(request.route_handler.opt.get("here", ""))
        return Visit(pages, request).redirect(f"{site.url(site.paths.sign_in)}?{urlencode({'next': wanted})}")

    return {
        LinkDead: lambda request, dead: dead_link_page(Visit(pages, request), dead),
        SecurityLinkDead: lambda request, dead: Visit(pages, request).page(
            "dead_security_link.html", status=dead.status
        ),
        NotSignedIn: lead_to_sign_in,
        # The cookie of a forged form ends, too: signed with another key, it would be refused for ever.
        PermissionDeniedException: lambda request, error: refuse(request, error, "stale_form", [cookies.form.expire()]),
        # Its page leads to the sign-in, which shows which password it is. The cookie of the used link ends.
        OutcomeUnknown: lambda request, error: refuse(request, error, ended=[cookies.link.expire()]),
        Exception: refuse,
    }


def _reason_of(problem: Problem) -> str:
    if problem.for_people or problem.slug in _REASONS:
        return _REASONS.get(problem.slug, problem.slug.replace("-", "_"))
    return "failed" if problem.status >= SERVER_FAULT else "unreadable"


def refusal_page(
    visit: Visit,
    problem: Problem,
    reason: str,
    back: str,
    *,
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[Cookie] = (),
) -> Answer:
    headers, reference = dict(headers or {}), ""
    if problem.retry_after and reason != "failed":
        headers["Retry-After"] = str(problem.retry_after)
    if reason not in _WITHOUT_REFERENCE:
        reference = headers["X-Request-ID"] = request_id_of(visit.request.scope)
    return visit.page(
        "refusal.html",
        status=problem.status,
        headers=headers,
        cookies=cookies,
        reason=reason,
        problem=problem,
        wait=timedelta(seconds=problem.retry_after or 0),
        sentence=str(problem),
        back=back,
        reference=reference,
    )
