"""What a problem says besides its title: a sentence in the reader's language, members and headers of its own."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from keyturn.api.schemas import BrokenRule, SecondFactor
from keyturn.errors import (
    Busy,
    ChallengeFlaw,
    ChallengeRequired,
    CodeRefused,
    CredentialsRejected,
    DeadReason,
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
from keyturn.languages import Language
from keyturn.reset.passwords.rule_texts import rule_text

_SECOND_STEP = {"WWW-Authenticate": "SecondStep"}
"""RFC 9110 11.6.1: a 401 names a scheme; browsers show no dialog for one that they do not know."""

_PAUSE = 5
"""Seconds until it is worth trying again where something does not answer."""


def particulars_of(error: Exception, language: Language) -> dict[str, Any]:
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
    return language.gettext("Your account has a second factor. To set a new password, also enter a code from it.")


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
        case "second_step":
            return language.gettext(
                "Too many wrong codes were entered: this link no longer works, and your password is as it was."
                " Please request a new one."
            )


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
