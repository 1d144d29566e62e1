"""What goes wrong, as a page: a heading, a sentence, a way back. No detail of the inside (OWASP ASVS 16.5.1)."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.types import ExceptionHandlersMap

from keyturn.api.request_id import request_id_of
from keyturn.api.requests import AnyRequest
from keyturn.errors import (
    Busy,
    LinkDead,
    NotSignedIn,
    OutcomeUnknown,
    ResetRefused,
    SecurityLinkDead,
    TooManyRequests,
    Unavailable,
)
from keyturn.pages.rendering import Pages
from keyturn.pages.security import form_cookie_name
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.pages")

_Handler = Callable[[AnyRequest, Any], Response[Any]]

_REASONS = {404: "missing", 413: "too_large"}
_SERVER_FAULT = 500


class RefusalPages:
    """Answers errors with pages: one method for each way in which a page may fail."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def handlers(self) -> ExceptionHandlersMap:
        methods: dict[type[Exception], _Handler] = {
            TooManyRequests: self.answer_too_many,
            Busy: self.answer_busy,
            Unavailable: self.answer_unavailable,
            OutcomeUnknown: self.answer_outcome_unknown,
            LinkDead: self.answer_dead_link,
            SecurityLinkDead: self.answer_dead_security_link,
            ResetRefused: self.answer_refused,
            NotSignedIn: self.answer_not_signed_in,
            PermissionDeniedException: self.answer_forged_form,
            HTTPException: self.answer_http_exception,
            Exception: self.answer_failure,
        }
        return {error: _as_function(method) for error, method in methods.items()}

    def answer_too_many(self, request: AnyRequest, error: TooManyRequests) -> Response[Any]:
        return self._ask_to_come_back(request, "too_many", 429, error.retry_after)

    def answer_busy(self, request: AnyRequest, error: Busy) -> Response[Any]:
        return self._ask_to_come_back(request, "busy", 503, error.retry_after)

    def answer_unavailable(self, request: AnyRequest, error: Unavailable) -> Response[Any]:
        request_id = {"X-Request-ID": request_id_of(request.scope)}
        self._pages.log_unready(error)
        return self._refusal_page(request, "failed", 503, headers=request_id)

    def answer_outcome_unknown(self, request: AnyRequest, error: OutcomeUnknown) -> Response[Any]:
        """Lead to the sign-in, where the person finds out; the cookie of the link that is used up goes."""
        request_id = {"X-Request-ID": request_id_of(request.scope)}
        log.error(LogEvent("page.outcome_unknown", reason=error))
        removed = self._pages.cookies.delete_link()
        return self._refusal_page(request, "outcome_unknown", 504, headers=request_id, cookies=[removed])

    def answer_dead_link(self, request: AnyRequest, error: LinkDead) -> Response[Any]:
        return self._pages.page(
            request, "dead_link.html", status=400, reason=error.reason, lifetime=self._pages.site.link_life
        )

    def answer_dead_security_link(self, request: AnyRequest, _: SecurityLinkDead) -> Response[Any]:
        """Say the same of every link that does not work, whatever is wrong with it."""
        return self._pages.page(request, "dead_security_link.html", status=400)

    def answer_refused(self, request: AnyRequest, error: ResetRefused) -> Response[Any]:
        """Hand on the app's sentence; the link lives, so that the form is one step back."""
        return self._refusal_page(request, "refused", 403, sentence=error.sentence)

    def answer_not_signed_in(self, request: AnyRequest, _: NotSignedIn) -> Response[Any]:
        """Lead to the sign-in, and from there back to the page that asked for it."""
        site = self._pages.site
        wanted = site.url(request.route_handler.opt.get("here", ""))
        return self._pages.redirect(f"{site.url(site.paths.sign_in)}?{urlencode({'next': wanted})}")

    def answer_forged_form(self, request: AnyRequest, _: PermissionDeniedException) -> Response[Any]:
        """Take the cookie away too: signed with another key, it would be refused for ever."""
        site = self._pages.site
        removed = Cookie(form_cookie_name(site), value="", max_age=0, secure=site.secure, httponly=True)
        return self._refusal_page(request, "stale_form", 403, cookies=[removed])

    def answer_http_exception(self, request: AnyRequest, error: HTTPException) -> Response[Any]:
        if error.status_code >= _SERVER_FAULT:
            return self.answer_failure(request, error)
        return self._refusal_page(request, _REASONS.get(error.status_code, "unreadable"), error.status_code)

    def answer_failure(self, request: AnyRequest, error: Exception) -> Response[Any]:
        request_id = {"X-Request-ID": request_id_of(request.scope)}
        log.error(LogEvent("page.failed", route=request.scope.get("path_template")), exc_info=error)
        return self._refusal_page(request, "failed", 500, headers=request_id)

    def _ask_to_come_back(self, request: AnyRequest, reason: str, status: int, seconds: int) -> Response[Any]:
        wait = timedelta(seconds=seconds)
        return self._refusal_page(request, reason, status, wait=wait, headers={"Retry-After": str(seconds)})

    def _refusal_page(self, request: AnyRequest, reason: str, status: int, **values: Any) -> Response[Any]:
        # The way back is the route's, not the request's address: that one may hold a token.
        site, back = self._pages.site, request.route_handler.opt.get("back")
        return self._pages.page(
            request,
            "refusal.html",
            status=status,
            reason=reason,
            back=site.url(back) if back else site.forgot,
            **values,
        )


def _as_function(method: _Handler) -> _Handler:
    """Return a plain function: a router's values are copied deeply, and a method would bring its object along."""

    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        return method(request, error)

    return answer
