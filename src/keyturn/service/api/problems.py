"""Writes problems (`keyturn.service.problems`) as RFC 9457 documents, and describes them in OpenAPI."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

import msgspec
from babel import Locale
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.status_codes import HTTP_400_BAD_REQUEST
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Meta, UnsetType

from keyturn.errors import Fault, KeyturnError
from keyturn.mail.languages import SOURCE_LANGUAGE, Language, Languages
from keyturn.service.api.requests import AnyRequest, accepted_language, language_headers, request_id_of
from keyturn.service.problems import requests
from keyturn.service.problems.problem import MALFORMED, Problem, problem_of
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute
from keyturn.service.telemetry.meters import Meters
from keyturn.values import plain_message

log = logging.getLogger("keyturn.http")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keyturn:problem:"
"""A `type` is a name, not a page (RFC 9457 3.1.1 asks for a stable, absolute URI; it need not be resolvable)."""

INSTANCE_PREFIX = "urn:keyturn:request:"
"""An `instance` names a failure in the logs (RFC 9457 3.1.5)."""

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""The headers of every answer about an account (OWASP ASVS 14.3.2, 3.4.4)."""

UNREAD = "keyturn_unread"
"""The key in a request's state that marks an unread rest of the body."""

HTTP_PROBLEMS: Mapping[int, type[Problem]] = {
    problem.status: problem
    for problem in (
        requests.NotFound,
        requests.MethodNotAllowed,
        requests.RequestTooLarge,
        requests.UnsupportedMediaType,
        requests.Misdirected,
    )
}
"""The problems for Litestar's own refusals, by status."""

_ENGLISH = Language(Locale(SOURCE_LANGUAGE), UTC)
_MISSING_FIELD = re.compile(r"Object missing required field `(\w+)`")
_SERVER_FAULT = 500
_INSTANCE = Meta(description="what the logs call the request, where it failed")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document, and the headers of its answer. `members`: those beside the standard ones."""

    status: int
    slug: str
    title: str
    detail: str = ""
    members: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}

    def response(self) -> Response[bytes]:
        headers = {**NO_STORE, **dict(self.headers)}
        return Response(self.body(), status_code=self.status, media_type=MEDIA_TYPE, headers=headers)

    def body(self) -> bytes:
        return msgspec.json.encode(self.content())

    def content(self) -> dict[str, Any]:
        document = {"type": f"{TYPE_PREFIX}{self.slug}", "title": self.title, "status": self.status}
        return document | ({"detail": self.detail} if self.detail else {}) | dict(self.members)

    def named_after(self, request: AnyRequest) -> "Document":
        """Return the document with the request's id, which leads to more in the logs."""
        name = request_id_of(request.scope)
        return msgspec.structs.replace(
            self,
            members={**self.members, "instance": f"{INSTANCE_PREFIX}{name}"},
            headers={**self.headers, "X-Request-ID": name},
        )


def document_of(error: Exception, language: Language) -> Document:
    """Return the document that describes an error to a client.

    A problem for users is in their language (RFC 9457, 3.1.3). A problem that only a program can cause is in English.
    """
    problem = problem_of(error)
    return Document(
        status=problem.status,
        slug=problem.slug,
        title=language.gettext(problem.title) if problem.for_people else problem.title,
        detail=problem.detail(language),
        members=problem.member_values(language),
        headers={**problem.headers(), **(language_headers(language) if problem.for_people else {})},
    )


def http_document(status: int, otherwise: str = "") -> Document:
    """Return the document of a bare status; `otherwise` is its title if the status has no problem."""
    if known := HTTP_PROBLEMS.get(status):
        return document_of(known(), _ENGLISH)
    return Document(status=status, slug="http-error", title=otherwise)


def problem_handlers(languages: Languages, meters: Meters | None = None) -> ExceptionHandlersMap:
    """Return the handlers for a router of the API.

    `meters` count a request that was refused before a call of a service, under the `kind` of its route.
    """

    def count_malformed(request: AnyRequest) -> None:
        if meters and (kind := request.route_handler.opt.get("kind")):
            meters.request(kind, MALFORMED)

    lines = OnceAMinute()

    def answer_keyturn_error(request: AnyRequest, error: KeyturnError) -> Response[bytes]:
        if isinstance(error, requests.InputInvalid) and not error.counted:
            count_malformed(request)
        document = document_of(error, accepted_language(languages, request))
        if document.status >= _SERVER_FAULT:
            document = document.named_after(request)
            _log_failure(request, error, lines)
        return document.response()

    def answer_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        if error.status_code == HTTP_400_BAD_REQUEST:
            request.scope["state"][UNREAD] = True
            problem: type[Problem] | None = requests.InputInvalid
            document = document_of(requests.InputInvalid(*_faults_in(error)), accepted_language(languages, request))
        else:
            problem = HTTP_PROBLEMS.get(error.status_code)
            document = http_document(error.status_code, error.detail)
        if problem and problem.outcome == MALFORMED:
            count_malformed(request)
        return msgspec.structs.replace(document, headers=error.headers or {}).response()

    def answer_anything_else(request: AnyRequest, error: Exception) -> Response[bytes]:
        # Clients see no details of the error (OWASP ASVS 16.5.1).
        log.error(LogEvent("request.failed", error=type(error).__name__), exc_info=error)
        return document_of(error, accepted_language(languages, request)).named_after(request).response()

    return {KeyturnError: answer_keyturn_error, HTTPException: answer_http_exception, Exception: answer_anything_else}


def _log_failure(request: AnyRequest, error: KeyturnError, lines: OnceAMinute) -> None:
    """Log an answer of 500 and above. If clients can repeat it: a line a minute for each route, or for each cause.

    Busy is not logged: it means that a limit works.
    """
    name = type(error).__name__
    if isinstance(error, requests.Busy):
        if lines.count(route := str(request.scope.get("path_template", ""))):
            log.warning(LogEvent("request.busy", route=route))
    elif count := lines.count(name) if isinstance(error, requests.Unavailable) else 1:
        log.error(LogEvent("request.failed", error=name, reason=error, count=count))


def _faults_in(error: HTTPException) -> list[Fault]:
    """Return Litestar's complaints about a request, under the client's names."""
    if not isinstance(error, ValidationException):
        return [Fault("body", error.detail)]
    entries = error.extra if isinstance(error.extra, list) else []
    return [_fault(str(entry.get("key", "body")), str(entry.get("message", ""))) for entry in entries]


def _fault(name: str, message: str) -> Fault:
    if missing := _MISSING_FIELD.match(message):
        return Fault(missing[1], "missing")
    if name == "data":  # the handlers' parameter for the body
        return Fault("body", "missing" if message == "'data'" else plain_message(message))
    return Fault(name, plain_message(message))


def problem_responses(*problems: type[Problem], has_body: bool = True) -> dict[int, ResponseSpec]:
    """Describe a route's problems for OpenAPI, by status; the problems of every route are added."""
    of_a_body = (requests.RequestTooLarge, requests.UnsupportedMediaType) if has_body else ()
    known = (*problems, requests.Unavailable, *of_a_body)
    return {
        status: _response([problem for problem in known if problem.status == status])
        for status in sorted({problem.status for problem in known})
    }


def _response(problems: Sequence[type[Problem]]) -> ResponseSpec:
    schemas: list[Any] = [_schema(problem) for problem in problems]
    return ResponseSpec(
        reduce(or_, schemas),
        description=" Or: ".join(_meaning(problem) for problem in problems),
        media_type=MEDIA_TYPE,
        generate_examples=False,
        examples=[
            Example(summary=problem.slug, value=document_of(problem(*problem.example), _ENGLISH).content())
            for problem in problems
        ],
    )


def _meaning(problem: type[Problem]) -> str:
    return (problem.__doc__ or "").partition("\n")[0]


_SCHEMAS: dict[str, type[msgspec.Struct]] = {}


def _schema(problem: type[Problem]) -> type[msgspec.Struct]:
    """Return the schema of one problem type: the same object for every route, since OpenAPI identifies it by name."""
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
