"""The error tree as RFC 9457 problem documents: one table, and one place that writes them."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from keyturn.api.request_id import name_of
from keyturn.api.requests import AnyRequest, accepted_language, in_language
from keyturn.errors import (
    AccountsUnready,
    Busy,
    CredentialsRejected,
    DatabaseUnready,
    DeadReason,
    Fault,
    InputInvalid,
    KeyturnError,
    LimitsUnready,
    LinkDead,
    NotSignedIn,
    OriginRefused,
    PasswordRejected,
    TooManyRequests,
    WebhookRefused,
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

_MOST_BRACKETS = 500
"""Requests are flat; a parser that recurses would run out of stack in one that is nested a thousand deep."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table: `members` are the document's own beside the standard ones."""

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
        return msgspec.structs.replace(
            self,
            members={**self.members, "instance": f"{INSTANCE_PREFIX}{name}"},
            headers={**self.headers, "X-Request-ID": name},
        )


def problem_of(error: KeyturnError, language: Language) -> Problem:
    """Return the problem that an error is to a client.

    What a person may come to see is in their language (RFC 9457, 3.1.3); what only a program can cause is English.
    """
    match error:
        case InputInvalid(faults=faults):
            return _invalid(faults)
        case OriginRefused():
            return Problem(status=403, name="origin-refused", title="The request came from another site")
        case WebhookRefused():
            return Problem(status=400, name="webhook-refused", title="The webhook is not accepted", detail=str(error))
        case _:
            problem = _told_to_people(error, language)
            return msgspec.structs.replace(problem, headers={**problem.headers, **in_language(language)})


def _told_to_people(error: KeyturnError, language: Language) -> Problem:
    match error:
        case LinkDead(reason=reason):
            return Problem(
                status=400, name="link-dead", title=language.gettext("The link does not work"),
                detail=_dead(reason, language), members={"reason": reason},
            )  # fmt: skip
        case PasswordRejected(violations=violations):
            broken = [
                {"rule": one.rule, "message": rule_text(one.rule, one.limit, language) or one.message}
                for one in violations
            ]
            return Problem(
                status=422, name="password-rejected", title=language.gettext("The password is not accepted"),
                detail=language.listed(one["message"] for one in broken), members={"violations": broken},
            )  # fmt: skip
        case CredentialsRejected():
            return _unauthorized("credentials-rejected", language.gettext("The address or the password is wrong"))
        case NotSignedIn():
            return _unauthorized("not-signed-in", language.gettext("Nobody is signed in"))
        case TooManyRequests(retry_after=seconds):
            return _later(429, "too-many-requests", language.gettext("Too many requests"), seconds, language)
        case Busy(retry_after=seconds):
            return _later(503, "busy", language.gettext("Too much is going on at the moment"), seconds, language)
        case DatabaseUnready() | AccountsUnready() | LimitsUnready():
            return _later(503, "unavailable", language.gettext("The service cannot answer at the moment"), 5, language)
        case _:
            return Problem(status=_SERVER_FAULT, name="internal", title=language.gettext("Something went wrong"))


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


async def require_json(request: AnyRequest) -> None:
    """Raise InputInvalid where there is a body that is no JSON, or none that every parser reads in the same way.

    Parsers differ in which of two members of one name they take, and a check that sees one while the work is done
    with the other is a hole (RFC 8259, section 4; CVE-2023-7028). The media type is required, because a form on
    another site can send any text but not that (OWASP CSRF Prevention Cheat Sheet, "Disallowing simple requests").
    """
    body = await request.body()
    if not body:
        return
    if request.content_type[0] != "application/json":
        raise HTTPException(status_code=415)
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        raise InputInvalid(Fault("body", "nested too deeply"))
    try:
        _NAMES_ONCE.decode(body.decode())
    except ValueError:
        raise InputInvalid(Fault("body", "not JSON in UTF-8")) from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = set[str]()
    for name, _ in pairs:
        if name in names:
            raise InputInvalid(Fault(name, "given twice"))
        names.add(name)


_NAMES_ONCE = json.JSONDecoder(object_pairs_hook=_once)


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
    return msgspec.structs.replace(problem, headers=error.headers or {}).response()


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


def _unauthorized(name: str, title: str) -> Problem:
    # RFC 9110 11.6.1: a 401 names a scheme; browsers show no dialog for one that they do not know.
    return Problem(status=401, name=name, title=title, headers={"WWW-Authenticate": "Session"})


def _later(status: int, name: str, title: str, seconds: int, language: Language) -> Problem:
    wait = language.duration(timedelta(seconds=seconds))
    return Problem(
        status=status, name=name, title=title, detail=language.gettext("Try again in %(wait)s.", wait=wait),
        members={"retryAfter": seconds}, headers={"Retry-After": str(seconds)},
    )  # fmt: skip
