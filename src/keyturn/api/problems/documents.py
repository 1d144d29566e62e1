"""Errors as RFC 9457 problem documents: which error is which problem stands in `telemetry/outcomes.py`."""

import logging
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.status_codes import HTTP_400_BAD_REQUEST
from litestar.types import ExceptionHandlersMap

from keyturn.api.problems.particulars import particulars_of
from keyturn.api.request_id import request_id_of
from keyturn.api.requests import AnyRequest, accepted_language, language_headers
from keyturn.errors import (
    Busy,
    Fault,
    InputInvalid,
    KeyturnError,
    Unavailable,
)
from keyturn.languages import Language, Languages
from keyturn.settings.sentences import plain_message
from keyturn.telemetry.logs import LogEvent, OnceAMinute
from keyturn.telemetry.meters import Meters
from keyturn.telemetry.outcomes import outcome_of, refusal_of

log = logging.getLogger("keyturn.http")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keyturn:problem:"
"""A `type` is a name, not a page (RFC 9457 3.1.1 asks for a stable, absolute URI; it need not be resolvable)."""

INSTANCE_PREFIX = "urn:keyturn:request:"
"""An `instance` names what the logs know of a failure (RFC 9457 3.1.5)."""

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""What every answer about an account carries (OWASP ASVS 14.3.2, 3.4.4)."""

UNREAD = "keyturn_unread"
"""What the state of a request says whose body was not read to its end."""

HTTP_PROBLEMS = {
    404: ("not-found", "There is nothing at this address"),
    405: ("method-not-allowed", "This address does not answer that method"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-media-type", "The body must be application/json"),
    421: ("misdirected", "Nothing is answered for the host that was asked for"),
}
"""What Litestar refuses by itself."""

_UNREADABLE = (400, 413, 415)
"""Statuses of a body that nobody could read."""

_MISSING_FIELD = re.compile(r"Object missing required field `(\w+)`")
_SERVER_FAULT = 500


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A document, and the answer that carries it: `members` are its own beside the standard ones."""

    status: int
    name: str
    title: str
    detail: str | None = None
    members: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}

    def response(self) -> Response[bytes]:
        headers = {**NO_STORE, **dict(self.headers)}
        return Response(self.document(), status_code=self.status, media_type=MEDIA_TYPE, headers=headers)

    def document(self) -> bytes:
        document = {"type": f"{TYPE_PREFIX}{self.name}", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        return msgspec.json.encode(document | dict(self.members))

    def named_after(self, request: AnyRequest) -> "Problem":
        """Return the problem with the request's name, by which the logs know more of it."""
        name = request_id_of(request.scope)
        return msgspec.structs.replace(
            self,
            members={**self.members, "instance": f"{INSTANCE_PREFIX}{name}"},
            headers={**self.headers, "X-Request-ID": name},
        )


def problem_handlers(languages: Languages, meters: Meters | None = None) -> ExceptionHandlersMap:
    """Return the handlers for a router of the API.

    `meters` count a request that was refused before a service was called, under the `kind` that its route has.
    """

    def count_malformed(request: AnyRequest) -> None:
        if meters and (kind := request.route_handler.opt.get("kind")):
            meters.request(kind, outcome_of(InputInvalid()))

    lines = OnceAMinute()

    def answer_keyturn_error(request: AnyRequest, error: KeyturnError) -> Response[bytes]:
        if isinstance(error, InputInvalid) and not error.counted:
            count_malformed(request)
        problem = problem_of(error, accepted_language(languages, request))
        if problem.status >= _SERVER_FAULT:
            problem = problem.named_after(request)
            _log_failure(request, error, lines)
        return problem.response()

    def answer_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        if error.status_code in _UNREADABLE:
            count_malformed(request)
        if error.status_code == HTTP_400_BAD_REQUEST:
            request.scope["state"][UNREAD] = True
            problem = problem_of(InputInvalid(*_faults_in(error)), accepted_language(languages, request))
        else:
            problem = http_problem(error.status_code, error.detail)
        return msgspec.structs.replace(problem, headers=error.headers or {}).response()

    def answer_anything_else(request: AnyRequest, error: Exception) -> Response[bytes]:
        # Nothing of the error reaches the client (OWASP ASVS 16.5.1).
        log.error(LogEvent("request.failed", error=type(error).__name__), exc_info=error)
        return problem_of(error, accepted_language(languages, request)).named_after(request).response()

    return {KeyturnError: answer_keyturn_error, HTTPException: answer_http_exception, Exception: answer_anything_else}


def _log_failure(request: AnyRequest, error: KeyturnError, lines: OnceAMinute) -> None:
    """Log an answer of 500 and above: a line a minute and route, or a minute and cause, where clients can repeat it.

    Busy is a limit that holds, and no fault.
    """
    name = type(error).__name__
    if isinstance(error, Busy):
        if lines.count(route := str(request.scope.get("path_template", ""))):
            log.warning(LogEvent("request.busy", route=route))
    elif count := lines.count(name) if isinstance(error, Unavailable) else 1:
        log.error(LogEvent("request.failed", error=name, reason=error, count=count))


def http_problem(status: int, otherwise: str = "") -> Problem:
    """Return the problem of a status by itself; `otherwise` is its title where the status is not among the known."""
    name, title = HTTP_PROBLEMS.get(status, ("http-error", otherwise))
    return Problem(status=status, name=name, title=title)


def problem_of(error: Exception, language: Language) -> Problem:
    """Return the problem that an error is to a client.

    What a person may come to see is in their language (RFC 9457, 3.1.3); what only a program can cause is English.
    """
    refusal = refusal_of(error)
    title = language.gettext(refusal.title) if refusal.is_for_people else refusal.title
    problem = Problem(status=refusal.status, name=refusal.problem, title=title, **particulars_of(error, language))
    if not refusal.is_for_people:
        return problem
    return msgspec.structs.replace(problem, headers={**problem.headers, **language_headers(language)})


def _faults_in(error: HTTPException) -> list[Fault]:
    """Return what Litestar found wrong with a request, by the names that the client knows."""
    if not isinstance(error, ValidationException):
        return [Fault("body", error.detail)]
    entries = error.extra if isinstance(error.extra, list) else []
    return [_fault(str(entry.get("key", "body")), str(entry.get("message", ""))) for entry in entries]


def _fault(name: str, message: str) -> Fault:
    if missing := _MISSING_FIELD.match(message):
        return Fault(missing[1], "missing")
    if name == "data":  # the handlers' own word for it
        return Fault("body", "missing" if message == "'data'" else plain_message(message))
    return Fault(name, plain_message(message))
