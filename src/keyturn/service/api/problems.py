"""Answers errors with problems (`keyturn.service.problems`), as RFC 9457 documents."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap, Scope

from keyturn.errors import Fault, KeyturnError
from keyturn.mail.languages.language import Language, Languages
from keyturn.service.api.requests import (
    AnyRequest,
    accepted_language,
    client_of,
    language_headers,
    request_id_of,
)
from keyturn.service.container import Container
from keyturn.service.problems import requests
from keyturn.service.problems.problem import MALFORMED, Problem, problem_of
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute
from keyturn.service.telemetry.meters import Meters
from keyturn.values import explain_mismatch

log = logging.getLogger("keyturn.http")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keyturn:problem:"
"""A problem's `type` is a name, and no page is behind it: RFC 9457 3.1.1 asks for a stable URI, and
it need not be resolvable.
"""

INSTANCE_PREFIX = "urn:keyturn:request:"

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""The headers of every answer about an account (OWASP ASVS 14.3.2, 3.4.4)."""

OF_API = "keyturn_api"
"""Marks the routes whose unreadable requests are counted."""

_LIMITED = "keyturn_limited"
"""Where a request keeps the error of a used-up limit, which is then its answer."""

_UNREAD = requests.RequestUnreadable | requests.UnsupportedMediaType

_HTTP = (
    requests.NotFound,
    requests.MethodNotAllowed,
    requests.RequestTooLarge,
    requests.UnsupportedMediaType,
)
_HTTP_PROBLEMS: Mapping[int, type[Problem]] = {problem.status: problem for problem in _HTTP}

_BAD_REQUEST = 400
SERVER_FAULT = 500


def document_of(problem: Problem, language: Language) -> dict[str, Any]:
    """Return the document of a problem (RFC 9457).

    Its texts are in the user's language, or in English if the problem is for programs.
    """
    title = problem.title
    if title and problem.for_people:
        title = language.gettext(title)
    document: dict[str, Any] = {
        "type": f"{TYPE_PREFIX}{problem.slug}",
        "title": title,
        "status": problem.status,
    }
    detail = problem.detail(language)
    if detail:
        document["detail"] = detail
    document.update(problem.member_values(language))
    return document


def problem_response(
    problem: Problem, language: Language, headers: Mapping[str, str] | None, reference: str
) -> Response[bytes]:
    """Return the answer. `reference`: the request's id, by which the logs tell more, or ""."""
    document = document_of(problem, language)
    of_language = language_headers(language) if problem.for_people else {}
    headers = {**NO_STORE, **problem.headers(), **of_language, **(headers or {})}
    if reference:
        document["instance"] = f"{INSTANCE_PREFIX}{reference}"
        headers["X-Request-ID"] = reference
    body = msgspec.json.encode(document)
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_handlers(languages: Languages, meters: Meters | None = None) -> ExceptionHandlersMap:
    """Return the exception handlers for a router of the API.

    `meters`: counts the malformed requests that no service has counted.
    """
    failures = FailureLog()

    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        problem = problem_answering(error)
        headers = error.headers if isinstance(error, HTTPException) else None
        is_uncounted = problem.outcome == MALFORMED and not getattr(error, "counted", False)
        if meters and is_uncounted:
            kind = request.route_handler.opt.get("kind")
            if kind:
                meters.request(kind, MALFORMED)
        limited = request.scope["state"].get(_LIMITED)
        if limited:
            error = limited
            problem = problem_of(limited)
            headers = None
        reference = ""
        if problem.status >= SERVER_FAULT:
            reference = request_id_of(request.scope)
            failures.log(request, error)
        return problem_response(problem, accepted_language(languages, request), headers, reference)

    return {Exception: answer}


def count_unread(container: Container) -> Callable[[Exception, Scope], Awaitable[None]]:
    """Return a hook that counts API requests with an unreadable body against their client's limit.

    If the limit is used up, the client gets that answer instead. Litestar awaits the hooks of
    `after_exception` before it calls the handler, so the hook leaves the error in the request's
    state, where `answer` of `problem_handlers` finds it.
    """

    async def count(error: Exception, scope: Scope) -> None:
        # An unknown address has no handler.
        options = getattr(scope.get("route_handler"), "opt", {})
        if OF_API in options and isinstance(problem_answering(error), _UNREAD):
            try:
                await container.stores.limits.count("malformed", client_of(AnyRequest(scope)))
            except KeyturnError as limited:
                scope["state"][_LIMITED] = limited

    return count


def problem_answering(error: Exception) -> Problem:
    if not isinstance(error, HTTPException):
        return problem_of(error)
    if error.status_code == _BAD_REQUEST:
        return requests.RequestUnreadable(*_faults_in(error))
    if error.status_code in _HTTP_PROBLEMS:
        return _HTTP_PROBLEMS[error.status_code]()
    return requests.OtherStatus(error.status_code, error.detail)


class FailureLog:
    """Logs answers of 500 and above.

    Clients can cause Busy and Unavailable again and again, so these get one line a minute for each
    route, or for each cause.
    """

    def __init__(self) -> None:
        self._lines = OnceAMinute()

    def log(self, request: AnyRequest, error: Exception) -> None:
        name = type(error).__name__
        if not isinstance(error, KeyturnError):
            # Clients see no details of the error (OWASP ASVS 16.5.1).
            log.error(LogEvent("request.failed", error=name), exc_info=error)
            return
        if isinstance(error, requests.Busy):
            route = str(request.scope.get("path_template", ""))
            if self._lines.count(route):
                log.warning(LogEvent("request.busy", route=route))  # the limit does its work
            return
        count = 1
        if isinstance(error, requests.Unavailable):
            count = self._lines.count(name)
        if count:
            log.error(LogEvent("request.failed", error=name, reason=error, count=count))


def _faults_in(error: HTTPException) -> list[Fault]:
    if not isinstance(error, ValidationException):
        return [Fault("body", error.detail)]
    if not isinstance(error.extra, list):
        return []
    return [_fault_of(entry) for entry in error.extra]


def _fault_of(entry: Mapping[str, Any]) -> Fault:
    """Return the mistake that an entry of a ValidationException is about."""
    name = str(entry.get("key", "body"))
    if name == "data":  # handlers call the parameter for the body "data"
        name = "body"
    message = str(entry.get("message", ""))
    if message == "'data'":  # the KeyError of a request without a body
        return Fault(name, "missing")
    # Litestar has cut off the end " - at `$.place`", and has made it the key. So `place` is only
    # ever the name of a missing field.
    place, sentence = explain_mismatch(message)
    return Fault(place or name, sentence)
