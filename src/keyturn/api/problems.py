"""The error tree as RFC 9457 problem documents: one table, and one place that writes them."""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec.structs import replace

from keyturn.api.request_id import name_of
from keyturn.api.requests import AnyRequest, accepted_language, in_language
from keyturn.errors import (
    Busy,
    CredentialsRejected,
    DeadReason,
    Fault,
    InputInvalid,
    KeyturnError,
    LinkDead,
    NotSignedIn,
    OriginRefused,
    PasswordRejected,
    TooManyRequests,
    WebhookRefused,
    answer_to,
)
from keyturn.languages import Language, Languages
from keyturn.reset.passwords.rule_texts import rule_text
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.http")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:keyturn:problem:"
"""A `type` is a name, not a page (RFC 9457 3.1.1 asks for a stable, absolute URI; it need not be resolvable)."""

INSTANCE_PREFIX = "urn:keyturn:request:"
"""An `instance` names what the logs know of a failure (RFC 9457 3.1.5)."""

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""What every answer about an account carries (OWASP ASVS 14.3.2, 3.4.4)."""

_MISSING = re.compile(r"Object missing required field `(\w+)`")
_SERVER_FAULT = 500
_UNAVAILABLE = 5
"""Seconds after which a client may ask again what could not be answered."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document. `members` are its own beside the standard ones, `headers` those of the answer."""

    status: int
    name: str
    title: str
    detail: str | None = None
    members: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}

    def response(self) -> Response[bytes]:
        document = {"type": f"{TYPE_PREFIX}{self.name}", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        body = msgspec.json.encode(document | dict(self.members))
        return Response(
            body, status_code=self.status, media_type=MEDIA_TYPE, headers={**NO_STORE, **dict(self.headers)}
        )

    def of(self, request: AnyRequest) -> "Problem":
        """Return the problem with the request's name, by which the logs know more of it."""
        name = name_of(request.scope)
        return replace(
            self,
            members={**self.members, "instance": f"{INSTANCE_PREFIX}{name}"},
            headers={**self.headers, "X-Request-ID": name},
        )


def problem_of(error: KeyturnError, language: Language) -> Problem:
    """Return the problem that an error is to a client.

    What a person may come to see is in their language (RFC 9457, 3.1.3); what only a program can cause is English.
    """
    answer = answer_to(error)
    problem = Problem(status=answer.status, name=answer.problem, title="")
    match error:
        case InputInvalid(faults=faults):
            return _invalid(faults)
        case OriginRefused():
            return replace(problem, title="The request came from another site")
        case WebhookRefused():
            return replace(problem, title="The webhook is not accepted", detail=str(error))
        case _:
            told = _told_to_people(problem, error, language)
            return replace(told, headers={**told.headers, **in_language(language)})


def _told_to_people(problem: Problem, error: KeyturnError, language: Language) -> Problem:
    match error:
        case LinkDead(reason=reason):
            title = language.gettext("The link does not work")
            return replace(problem, title=title, detail=_dead(reason, language), members={"reason": reason})
        case PasswordRejected(violations=violations):
            broken = [
                {"rule": one.rule, "message": rule_text(one.rule, one.limit, language) or one.message}
                for one in violations
            ]
            return replace(
                problem, title=language.gettext("The password is not accepted"),
                detail=language.listed(one["message"] for one in broken), members={"violations": broken},
            )  # fmt: skip
        case CredentialsRejected():
            return _unauthorized(problem, language.gettext("The address or the password is wrong"))
        case NotSignedIn():
            return _unauthorized(problem, language.gettext("Nobody is signed in"))
        case TooManyRequests(retry_after=seconds):
            return _later(problem, language.gettext("Too many requests"), seconds, language)
        case Busy(retry_after=seconds):
            return _later(problem, language.gettext("Too much is going on at the moment"), seconds, language)
        case _ if problem.name == "unavailable":
            return _later(problem, language.gettext("The service cannot answer at the moment"), _UNAVAILABLE, language)
        case _:
            return replace(problem, title=language.gettext("Something went wrong"))


def _dead(reason: DeadReason, language: Language) -> str:
    match reason:
        case "invalid":
            return language.gettext("This reset link is invalid. Please request a new one.")
        case "expired":
            return language.gettext("This reset link has expired. Please request a new one.")
        case "used":
            return language.gettext("This reset link has already been used. Please request a new one.")


def problem_handlers(languages: Languages) -> ExceptionHandlersMap:
    """Return the handlers for a router of the API."""

    def on_keyturn_error(request: AnyRequest, error: KeyturnError) -> Response[bytes]:
        problem = problem_of(error, accepted_language(languages, request))
        if problem.status >= _SERVER_FAULT:
            problem = problem.of(request)
            log.error(LogEvent("request.failed", error=type(error).__name__, reason=error))
        return problem.response()

    def on_anything_else(request: AnyRequest, error: Exception) -> Response[bytes]:
        # Nothing of the error reaches the client (OWASP ASVS 16.5.1).
        log.error(LogEvent("request.failed", error=type(error).__name__), exc_info=error)
        return problem_of(KeyturnError(), accepted_language(languages, request)).of(request).response()

    return {KeyturnError: on_keyturn_error, HTTPException: _on_http_exception, Exception: on_anything_else}


def _on_http_exception(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    if isinstance(error, ValidationException):
        return _invalid(_faults(error)).response()
    names: dict[int, Callable[[], Problem]] = {
        400: lambda: _invalid((Fault("body", error.detail),)),
        404: lambda: Problem(status=404, name="not-found", title="There is nothing at this address"),
        405: lambda: Problem(status=405, name="method-not-allowed", title="This address does not answer that method"),
        413: lambda: Problem(status=413, name="too-large", title="The request is too large"),
        415: lambda: Problem(status=415, name="unsupported-media-type", title="The body must be application/json"),
    }
    plain = lambda: Problem(status=error.status_code, name="http-error", title=error.detail)  # noqa: E731
    problem = names.get(error.status_code, plain)()
    return replace(problem, headers=error.headers or {}).response()


def _invalid(faults: tuple[Fault, ...]) -> Problem:
    return Problem(
        status=400, name="invalid-input", title="The request is malformed",
        detail="; ".join(f"{fault.name}: {fault.message}" for fault in faults) or None,
        members={"errors": [{"field": fault.name, "message": fault.message} for fault in faults]},
    )  # fmt: skip


def _faults(error: ValidationException) -> tuple[Fault, ...]:
    found = error.extra if isinstance(error.extra, list) else []
    return tuple(_fault(str(entry.get("key", "body")), str(entry.get("message", ""))) for entry in found)


def _fault(name: str, message: str) -> Fault:
    if missing := _MISSING.match(message):
        return Fault(missing[1], "missing")
    if name == "data":  # the handlers' own word for it
        return Fault("body", "missing" if message == "'data'" else message)
    return Fault(name, message)


def _unauthorized(problem: Problem, title: str) -> Problem:
    # RFC 9110 11.6.1: a 401 names a scheme; browsers show no dialog for one that they do not know.
    return replace(problem, title=title, headers={"WWW-Authenticate": "Session"})


def _later(problem: Problem, title: str, seconds: int, language: Language) -> Problem:
    wait = language.duration(timedelta(seconds=seconds))
    return replace(
        problem, title=title, detail=language.gettext("Try again in %(wait)s.", wait=wait),
        members={"retryAfter": seconds}, headers={"Retry-After": str(seconds)},
    )  # fmt: skip
