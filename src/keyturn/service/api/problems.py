"""Writes problems (`keyturn.service.problems`) as RFC 9457 documents, and describes them in
OpenAPI.
"""

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.types import ExceptionHandlersMap, Scope
from msgspec import UNSET, Meta, UnsetType

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
from keyturn.values import plain_message

log = logging.getLogger("keyturn.http")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keyturn:problem:"
"""A `type` is a name, not a page (RFC 9457 3.1.1 asks for a stable, absolute URI; it need not be
resolvable).
"""

INSTANCE_PREFIX = "urn:keyturn:request:"

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""The headers of every answer about an account (OWASP ASVS 14.3.2, 3.4.4)."""

OF_API = "keyturn_api"
"""Marks the routes whose unreadable requests are counted."""

_INSTEAD = "keyturn_instead"
_UNREAD = requests.RequestUnreadable | requests.UnsupportedMediaType

_HTTP = (
    requests.NotFound,
    requests.MethodNotAllowed,
    requests.RequestTooLarge,
    requests.UnsupportedMediaType,
)
_HTTP_PROBLEMS: Mapping[int, type[Problem]] = {problem.status: problem for problem in _HTTP}

_MISSING_FIELD = re.compile(r"Object missing required field `(\w+)`")
_BAD_REQUEST, SERVER_FAULT = 400, 500
_INSTANCE = Meta(description="what the logs call the request, where it failed")


def document_of(problem: Problem, language: Language) -> dict[str, Any]:
    """Return the document of a problem, in the user's language (RFC 9457, 3.1.3), or in English for
    a program.
    """
    title, detail = problem.title, problem.detail(language)
    document = {
        "type": f"{TYPE_PREFIX}{problem.slug}",
        "title": language.gettext(title) if title and problem.for_people else title,
        "status": problem.status,
    }
    return document | ({"detail": detail} if detail else {}) | dict(problem.member_values(language))


def problem_response(
    problem: Problem, language: Language, headers: Mapping[str, str] | None, reference: str
) -> Response[bytes]:
    """Return the answer. `reference`: the request's id, which leads to more in the logs."""
    document = document_of(problem, language)
    of_language = language_headers(language) if problem.for_people else {}
    headers = {**NO_STORE, **problem.headers(), **of_language, **(headers or {})}
    if reference:
        document["instance"] = f"{INSTANCE_PREFIX}{reference}"
        headers["X-Request-ID"] = reference
    body = msgspec.json.encode(document)
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_handlers(languages: Languages, meters: Meters | None = None) -> ExceptionHandlersMap:
    """Return the handlers for a router of the API. `meters` count what was refused before a call of
    a service.
    """
    log_failure = FailureLog()

    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        problem, headers = (
            problem_answering(error),
            error.headers if isinstance(error, HTTPException) else None,
        )
        is_uncounted = problem.outcome == MALFORMED and not getattr(error, "counted", False)
        if meters and is_uncounted and (kind := request.route_handler.opt.get("kind")):
            meters.request(kind, MALFORMED)
        if instead := request.scope["state"].get(_INSTEAD):
            error, problem, headers = instead, problem_of(instead), None
        reference = ""
        if problem.status >= SERVER_FAULT:
            reference = request_id_of(request.scope)
            log_failure(request, error)
        return problem_response(problem, accepted_language(languages, request), headers, reference)

    return {Exception: answer}


def count_unread(container: Container) -> Callable[[Exception, Scope], Awaitable[None]]:
    """Return a hook that counts requests with an unreadable body; a used-up limit replaces their
    answer.
    """

    async def count(error: Exception, scope: Scope) -> None:
        options = getattr(
            scope.get("route_handler"), "opt", {}
        )  # an unknown address has no handler
        if OF_API in options and isinstance(problem_answering(error), _UNREAD):
            try:
                await container.stores.limits.count("malformed", client_of(AnyRequest(scope)))
            except KeyturnError as full:
                scope["state"][_INSTEAD] = full

    return count


def problem_answering(error: Exception) -> Problem:
    if not isinstance(error, HTTPException):
        return problem_of(error)
    if error.status_code == _BAD_REQUEST:
        return requests.RequestUnreadable(*_faults_in(error))
    known = _HTTP_PROBLEMS.get(error.status_code)
    return known() if known else requests.OtherStatus(error.status_code, error.detail)


class FailureLog:
    """Logs answers of 500 and above. If clients can repeat them: a line a minute for each route, or
    for each cause.
    """

    def __init__(self) -> None:
        self._lines = OnceAMinute()

    def __call__(self, request: AnyRequest, error: Exception) -> None:
        name = type(error).__name__
        if not isinstance(error, KeyturnError):
            # Clients see no details of the error (OWASP ASVS 16.5.1).
            log.error(LogEvent("request.failed", error=name), exc_info=error)
        elif isinstance(error, requests.Busy):  # a limit works
            if self._lines.count(route := str(request.scope.get("path_template", ""))):
                log.warning(LogEvent("request.busy", route=route))
        elif count := self._lines.count(name) if isinstance(error, requests.Unavailable) else 1:
            log.error(LogEvent("request.failed", error=name, reason=error, count=count))


def _faults_in(error: HTTPException) -> list[Fault]:
    if not isinstance(error, ValidationException):
        return [Fault("body", error.detail)]
    faults = []
    for entry in error.extra if isinstance(error.extra, list) else []:
        name, message = str(entry.get("key", "body")), str(entry.get("message", ""))
        name = "body" if name == "data" else name  # the handlers' parameter for the body
        if missing := _MISSING_FIELD.match(message):
            name = missing[1]
        faults.append(
            Fault(name, "missing" if missing or message == "'data'" else plain_message(message))
        )
    return faults


def problem_responses(*problems: type[Problem], has_body: bool = True) -> dict[int, ResponseSpec]:
    """Describe a route's problems for OpenAPI, by status; the problems of every route are added."""
    of_a_body = (requests.RequestTooLarge, requests.UnsupportedMediaType) if has_body else ()
    known = (*problems, requests.Unavailable, *of_a_body)
    by_status = {
        one.status: [other for other in known if other.status == one.status] for one in known
    }
    return {
        status: ResponseSpec(
            reduce(or_, map(_schema, of_status)),
            description=" Or: ".join(map(_meaning, of_status)),
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status, of_status in sorted(by_status.items())
    }


def _meaning(problem: type[Problem]) -> str:
    """Return the first paragraph of the docstring."""
    paragraph = inspect.cleandoc(problem.__doc__ or "").partition("\n\n")[0]
    return paragraph.replace("\n", " ")


_SCHEMAS: dict[str, type[msgspec.Struct]] = {}


def _schema(problem: type[Problem]) -> Any:
    """Return the schema of one problem type: the same object for every route, since OpenAPI
    identifies it by name.
    """
    schema = msgspec.defstruct(
        "".join(map(str.title, problem.slug.split("-"))) + "Problem",
        [
            ("type", Literal[f"{TYPE_PREFIX}{problem.slug}"]),
            ("title", str),
            ("status", Literal[problem.status]),
            *problem.members,
            ("detail", str | UnsetType, UNSET),
            ("instance", Annotated[str | UnsetType, _INSTANCE], UNSET),
        ],
        frozen=True,
        kw_only=True,
        namespace={"__doc__": _meaning(problem)},
    )
    return _SCHEMAS.setdefault(problem.slug, schema)
