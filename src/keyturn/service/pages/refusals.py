"""Errors as pages: a heading, a sentence, a way back, and no internal detail (OWASP ASVS 16.5.1)."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.types import ExceptionHandlersMap

from keyturn.service.api.requests import AnyRequest, request_id_of
from keyturn.service.pages.forgot import dead_link_page
from keyturn.service.pages.rendering import Pages
from keyturn.service.pages.security import form_cookie_name
from keyturn.service.problems.passwords import OutcomeUnknown
from keyturn.service.problems.problem import Internal, Problem
from keyturn.service.problems.proofs import LinkDead, NotSignedIn, SecurityLinkDead
from keyturn.service.problems.requests import Busy, Unavailable
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute

log = logging.getLogger("keyturn.pages")

_Handler = Callable[[AnyRequest, Any], Response[Any]]

_REASONS = {"too-many-requests": "too_many", "reset-refused": "refused", "unavailable": "failed", "internal": "failed"}
"""The names in `refusal.html` that differ from the slug of the problem."""

_REASONS_OF_STATUS = {404: "missing", 413: "too_large"}
_WITHOUT_REFERENCE = {"missing", "too_many", "busy"}
"""The reasons whose page says everything: the log has no more."""

_SERVER_FAULT = 500


def _refusal_values(problem: Problem) -> Mapping[str, Any]:
    """Return the values of a problem for `refusal.html`."""
    return {
        "reason": _REASONS.get(problem.slug, problem.slug.replace("-", "_")),
        "problem": problem,
        "wait": timedelta(seconds=problem.retry_after or 0),
        "sentence": str(problem),
    }


class RefusalPages:
    """Answers errors with pages. A problem without a page of its own gets `refusal.html`, with its title and text.

    The page shows the id of the request, by which support finds its lines in the log.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._refused = OnceAMinute()

    def handlers(self) -> ExceptionHandlersMap:
        methods: dict[type[Exception], _Handler] = {
            Problem: self.answer_problem,
            LinkDead: self.answer_dead_link,
            SecurityLinkDead: self.answer_dead_security_link,
            NotSignedIn: self.answer_not_signed_in,
            PermissionDeniedException: self.answer_forged_form,
            HTTPException: self.answer_anything_else,
            Exception: self.answer_anything_else,
        }
        return {error: _as_function(method) for error, method in methods.items()}

    def answer_problem(self, request: AnyRequest, problem: Problem) -> Response[Any]:
        values, headers = _refusal_values(problem), {}
        if problem.status >= _SERVER_FAULT and not isinstance(problem, Busy):
            request_id_of(request.scope)  # the log has it from here on
            if isinstance(problem, Unavailable):
                self._pages.log_unready(problem)
            else:
                log.error(LogEvent(f"page.{values['reason']}", reason=problem))
        if problem.retry_after and values["reason"] != "failed":
            headers["Retry-After"] = str(problem.retry_after)
        # After a lost answer, the sign-in shows which password it is; the cookie of the used link ends.
        ended = [self._pages.cookies.link.expire()] if isinstance(problem, OutcomeUnknown) else []
        return self._refusal_page(request, problem.status, headers=headers, cookies=ended, **values)

    def answer_dead_link(self, request: AnyRequest, error: LinkDead) -> Response[Any]:
        return dead_link_page(self._pages, request, error)

    def answer_dead_security_link(self, request: AnyRequest, error: SecurityLinkDead) -> Response[Any]:
        """Give the same answer for every link that does not work."""
        return self._pages.page(request, "dead_security_link.html", status=error.status)

    def answer_not_signed_in(self, request: AnyRequest, _: NotSignedIn) -> Response[Any]:
        """Lead to the sign-in, and from there back to the requested page."""
        site = self._pages.site
        wanted = site.url(request.route_handler.opt.get("here", ""))
        return self._pages.redirect(f"{site.url(site.paths.sign_in)}?{urlencode({'next': wanted})}")

    def answer_forged_form(self, request: AnyRequest, _: PermissionDeniedException) -> Response[Any]:
        """Delete the cookie too: signed with another key, it would be refused for ever."""
        settings = self._pages.parts.settings
        removed = Cookie(form_cookie_name(settings), value="", max_age=0, secure=settings.secure, httponly=True)
        return self._refusal_page(request, 403, reason="stale_form", cookies=[removed])

    def answer_anything_else(self, request: AnyRequest, error: Exception) -> Response[Any]:
        if isinstance(error, HTTPException) and error.status_code < _SERVER_FAULT:
            reason = _REASONS_OF_STATUS.get(error.status_code, "unreadable")
            return self._refusal_page(request, error.status_code, reason=reason)
        request_id_of(request.scope)
        log.error(LogEvent("page.failed", route=request.scope.get("path_template")), exc_info=error)
        return self._refusal_page(request, Internal.status, **_refusal_values(Internal()))

    def _refusal_page(
        self, request: AnyRequest, status: int, *, reason: str, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Response[Any]:
        # The way back comes from the route, not from the address of the request, which may hold a token.
        site, back = self._pages.site, request.route_handler.opt.get("back")
        values |= {"reason": reason, "back": site.url(back) if back else site.forgot, "reference": ""}
        if reason not in _WITHOUT_REFERENCE:
            values["reference"] = request_id_of(request.scope)
            headers = {**(headers or {}), "X-Request-ID": values["reference"]}
            if status < _SERVER_FAULT and (count := self._refused.count(reason)):
                log.info(LogEvent("page.refused", reason=reason, count=count))
        return self._pages.page(request, "refusal.html", status=status, headers=headers, **values)


def _as_function(method: _Handler) -> _Handler:
    """Return a plain function: a router copies its values deeply, and a method would bring its object along."""

    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        return method(request, error)

    return answer
