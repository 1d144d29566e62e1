"""Errors as RFC 9457 problem documents: which error is which problem stands in `telemetry/outcomes.py`."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.status_codes import HTTP_400_BAD_REQUEST
from litestar.types import ExceptionHandlersMap

from keyturn.api.request_id import request_id_of
from keyturn.api.requests import AnyRequest, accepted_language, language_headers
from keyturn.api.schemas import BrokenRule, SecondFactor
from keyturn.errors import (
    Busy,
    ChallengeFlaw,
    ChallengeRequired,
    CodeRefused,
    CredentialsRejected,
    DeadReason,
    Fault,
    InputInvalid,
    KeyturnError,
    LinkDead,
    NotSignedIn,
    OutcomeUnknown,
    PasswordRejected,
    Quota,
    ResetRefused,
    SecondStepRejected,
    SecondStepRequired,
    SecurityLinkDead,
    ServiceKeyRefused,
    TooManyRequests,
    Unavailable,
    Violation,
    WebhookRefused,
)
from keyturn.languages import Language, Languages
from keyturn.reset.passwords.rule_texts import rule_text
from keyturn.telemetry.logs import LogEvent
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

_SECOND_STEP = {"WWW-Authenticate": "SecondStep"}
"""RFC 9110 11.6.1: a 401 names a scheme; browsers show no dialog for one that they do not know."""

_MISSING_FIELD = re.compile(r"Object missing required field `(\w+)`")
_SERVER_FAULT = 500
_PAUSE = 5
"""Seconds until it is worth trying again where something does not answer."""


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

    def answer_keyturn_error(request: AnyRequest, error: KeyturnError) -> Response[bytes]:
        if isinstance(error, InputInvalid) and not error.counted:
            count_malformed(request)
        problem = problem_of(error, accepted_language(languages, request))
        if problem.status >= _SERVER_FAULT:
            problem = problem.named_after(request)
            log.error(LogEvent("request.failed", error=type(error).__name__, reason=error))
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
    problem = Problem(status=refusal.status, name=refusal.problem, title=title, **_particulars(error, language))
    if not refusal.is_for_people:
        return problem
    return msgspec.structs.replace(problem, headers={**problem.headers, **language_headers(language)})


def _particulars(error: Exception, language: Language) -> dict[str, Any]:
    """Return what a problem holds besides its row of the table, by the names of `Problem`'s fields."""
    match error:
        case InputInvalid(faults=faults):
            return {
                "detail": str(error) or None,
                "members": {"errors": [{"field": fault.name, "message": fault.message} for fault in faults]},
            }
        case WebhookRefused() | ResetRefused():
            return {"detail": str(error)}
        case LinkDead() | CodeRefused() | ChallengeRequired() | OutcomeUnknown() | SecurityLinkDead():
            return _explained(error, language)
        case PasswordRejected(violations=violations):
            return _broken_rules(violations, language)
        case SecondStepRequired() | SecondStepRejected():
            return _second_step(error, language)
        case CredentialsRejected() | NotSignedIn() | ServiceKeyRefused():
            # RFC 9110 11.6.1: a 401 names a scheme; browsers show no dialog for one that they do not know.
            scheme = "Bearer" if isinstance(error, ServiceKeyRefused) else "Session"
            return {"headers": {"WWW-Authenticate": scheme}}
        case TooManyRequests(retry_after=seconds, quota=quota) if quota:
            particulars = _try_again_in(seconds, language)
            return {**particulars, "headers": {**particulars["headers"], **_quota_headers(quota, seconds)}}
        case TooManyRequests(retry_after=seconds) | Busy(retry_after=seconds):
            return _try_again_in(seconds, language)
        case Unavailable():
            return _try_again_in(_PAUSE, language)
        case _:
            return {}


def _explained(error: KeyturnError, language: Language) -> dict[str, Any]:
    """Return what a person is told of an error that has one thing to say."""
    match error:
        case LinkDead(reason=reason):
            return {"detail": _dead_link_text(reason, language), "members": {"reason": reason}}
        case SecurityLinkDead():
            return {"detail": language.gettext("It was used already, or it is too old.")}
        case CodeRefused():
            return {"detail": language.gettext("It is wrong, or it no longer works. You can request a new one.")}
        case ChallengeRequired(flaw=flaw, asked=asked):
            needed = {"method": asked.method, "siteKey": asked.site_key, "action": asked.action}
            return {"detail": challenge_text(flaw, language), "members": {"reason": flaw, "challenge": needed}}
        case _:
            return {"detail": _outcome_unknown_text(language)}


def _second_step(error: SecondStepRequired | SecondStepRejected, language: Language) -> dict[str, Any]:
    """Return what a form needs to ask for a code, or for another."""
    methods = [SecondFactor(method=factor.method, hint=factor.hint) for factor in error.factors]
    if isinstance(error, SecondStepRejected):
        members = {"methods": methods, "triesLeft": error.tries_left}
        return {"detail": wrong_code_text(error.tries_left, language), "members": members, "headers": _SECOND_STEP}
    members = {"methods": methods, "sent": error.sent or None}
    return {"detail": second_step_text(language), "members": members, "headers": _SECOND_STEP}


def second_step_text(language: Language) -> str:
    return language.gettext("Your account has a second factor: a new password needs a code of it, too.")


def wrong_code_text(left: int, language: Language) -> str:
    """Return what is wrong with a code, and what becomes of the link."""
    return language.ngettext(
        "This code is wrong, or was used before. You have %(num)s more attempt.",
        "This code is wrong, or was used before. You have %(num)s more attempts.",
        left,
    )


def _dead_link_text(reason: DeadReason, language: Language) -> str:
    match reason:
        case "invalid":
            return language.gettext("This reset link is invalid. Please request a new one.")
        case "expired":
            return language.gettext("This reset link has expired. Please request a new one.")
        case "used":
            return language.gettext("This reset link has already been used. Please request a new one.")


def challenge_text(flaw: ChallengeFlaw, language: Language) -> str:
    """Return what to do about an answer that is missing or not taken."""
    match flaw:
        case "missing":
            return language.gettext("Answer the check below, then send the form again.")
        case "expired":
            return language.gettext("The check has expired. Answer it once more, then send the form again.")
        case "refused":
            return language.gettext("The check was not passed. Try it once more.")


def _outcome_unknown_text(language: Language) -> str:
    return language.gettext("Try to sign in with it. If that does not work, wait a minute and request a new link.")


def _broken_rules(violations: Sequence[Violation], language: Language) -> dict[str, Any]:
    broken = broken_rules(violations, language)
    return {"detail": language.join_list(one.message for one in broken), "members": {"violations": broken}}


def broken_rules(violations: Sequence[Violation], language: Language) -> tuple[BrokenRule, ...]:
    """Return the rules in that language."""
    return tuple(
        BrokenRule(rule=one.rule, message=rule_text(one.rule, one.limit, language) or one.message) for one in violations
    )


def _try_again_in(seconds: int, language: Language) -> dict[str, Any]:
    wait = language.duration(timedelta(seconds=seconds))
    return {
        "detail": language.gettext("Try again in %(wait)s.", wait=wait),
        "members": {"retryAfter": seconds},
        "headers": {"Retry-After": str(seconds)},
    }


def _quota_headers(quota: Quota, seconds: int) -> dict[str, str]:
    """Return the fields of draft-ietf-httpapi-ratelimit-headers-10.

    Of a client's own limits alone: those of an account, or of the networks around a client, would tell what others do.
    """
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.requests};w={quota.seconds}',
        "RateLimit": f'"{quota.name}";r=0;t={seconds}',
    }


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
        return Fault("body", "missing" if message == "'data'" else message)
    return Fault(name, message)
