"""The problem documents of the API for its description: a schema for each `type`, with the members that are its own.

They are made of the table of refusals (`telemetry/outcomes.py`), so that what is described is what is answered.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union

import msgspec
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from msgspec import UNSET, Meta, UnsetType

from keyturn.api.problems.documents import HTTP_PROBLEMS, MEDIA_TYPE, TYPE_PREFIX
from keyturn.api.schemas import BrokenRule, Challenge, SecondFactor
from keyturn.errors import (
    Busy,
    ChallengeFlaw,
    ChallengeRequired,
    CodeRefused,
    CredentialsRejected,
    DeadReason,
    InputInvalid,
    LinkDead,
    NotSignedIn,
    OutcomeUnknown,
    PasswordRejected,
    ResetRefused,
    SecondStepRejected,
    SecondStepRequired,
    SecurityLinkDead,
    ServiceKeyRefused,
    TooManyRequests,
    Unavailable,
)
from keyturn.telemetry.outcomes import REFUSALS


class FieldError(msgspec.Struct, frozen=True):
    """Names a field of the request, and says what is wrong with it."""

    field: str
    message: str


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Describes one type of problem: its members beside the standard ones, with an example of each."""

    status: int
    name: str
    title: str
    meaning: str
    detail: str = ""
    members: Mapping[str, tuple[Any, Any]] = {}


_WAIT = {"retryAfter": (Annotated[int, Meta(ge=1, description="seconds, as in the header Retry-After")], 30)}

_MEANINGS: Mapping[type[Exception], tuple[str, str, Mapping[str, tuple[Any, Any]]]] = {
    InputInvalid: (
        "The request is malformed; `errors` names each field.",
        "email: not an email address",
        {"errors": (tuple[FieldError, ...], [{"field": "email", "message": "not an email address"}])},
    ),
    LinkDead: (
        "The link is dead; `reason` says why.",
        "This reset link has expired. Please request a new one.",
        {"reason": (DeadReason, "expired")},
    ),
    CodeRefused: (
        "The code is wrong, has expired, was used, or there is none; which of them is not said.",
        "It is wrong, or it no longer works. You can request a new one.",
        {},
    ),
    ChallengeRequired: (
        "An answer to a challenge is missing, has expired or is refused; `challenge` is what a form needs to show one.",
        "Answer the check below, then send the form again.",
        {
            "reason": (ChallengeFlaw, "missing"),
            "challenge": (Challenge, {"method": "altcha", "siteKey": "", "action": "request_reset"}),
        },
    ),
    SecurityLinkDead: ("The link is dead, for whatever reason.", "It was used already, or it is too old.", {}),
    ResetRefused: (
        "The app has something against it: `detail` says what, to the person. The link lives, and nothing was changed.",
        "Your account is being examined. Please call us.",
        {},
    ),
    CredentialsRejected: ("The address or the password is wrong.", "", {}),
    SecondStepRequired: (
        "The account has a second factor: send a code as `secondStep`. `sent` is the method that one was sent for.",
        "Your account has a second factor. To set a new password, also enter a code from it.",
        {
            "methods": (tuple[SecondFactor, ...], [{"method": "totp", "hint": ""}, {"method": "sms", "hint": "…23"}]),
            "sent": (Literal["sms"] | None, "sms"),
        },
    ),
    SecondStepRejected: (
        "The code is wrong, or was used before; the link lives through `triesLeft` more.",
        "This code is wrong, or was used before. You have 4 more attempts.",
        {
            "methods": (tuple[SecondFactor, ...], [{"method": "totp", "hint": ""}]),
            "triesLeft": (Annotated[int, Meta(ge=0)], 4),
        },
    ),
    NotSignedIn: ("Nobody is signed in.", "", {}),
    ServiceKeyRefused: ("The service key is missing or wrong.", "", {}),
    PasswordRejected: (
        "The password is not accepted; `violations` holds every broken rule, and nothing was changed.",
        "at least 12 characters",
        {"violations": (tuple[BrokenRule, ...], [{"rule": "min_length", "message": "at least 12 characters"}])},
    ),
    TooManyRequests: ("A limit is used up.", "Try again in 30 seconds.", _WAIT),
    Busy: ("Too many passwords are being hashed.", "Try again in 30 seconds.", _WAIT),
    Unavailable: ("Something that the call needs does not answer.", "Try again in 30 seconds.", _WAIT),
    OutcomeUnknown: (
        "An answer was lost on the way: the password may have been changed, or not.",
        "Try to sign in with it. If that does not work, wait a minute and request a new link.",
        {},
    ),
}
"""What each means to a client, a `detail` as people see it, and its own members."""


def _http_kind(status: int) -> _Kind:
    name, title = HTTP_PROBLEMS[status]
    return _Kind(status=status, name=name, title=title, meaning=f"{title}.")


def _kind(error: type[Exception]) -> _Kind:
    refusal, (meaning, detail, members) = REFUSALS[error], _MEANINGS[error]
    return _Kind(
        status=refusal.status, name=refusal.problem, title=refusal.title, meaning=meaning, detail=detail,
        members=members,
    )  # fmt: skip


_KINDS = {kind.name: kind for kind in (*map(_kind, _MEANINGS), *map(_http_kind, HTTP_PROBLEMS))}
_OF_A_BODY = (413, 415)
_INSTANCE = Meta(description="what the logs call the request, where it failed")


def problem_responses(*errors: type[Exception], has_body: bool = True) -> dict[int, ResponseSpec]:
    """Describe the errors of a route for OpenAPI, by their status; those that every route has need no naming."""
    names = [REFUSALS[error].problem for error in (*errors, Unavailable)]
    kinds = [_KINDS[name] for name in (*names, *(HTTP_PROBLEMS[status][0] for status in _OF_A_BODY if has_body))]
    return {status: _response([kind for kind in kinds if kind.status == status]) for status in _statuses(kinds)}


def _statuses(kinds: Iterable[_Kind]) -> list[int]:
    return sorted({kind.status for kind in kinds})


def _response(kinds: Sequence[_Kind]) -> ResponseSpec:
    return ResponseSpec(
        Union[tuple(_schema(kind.name) for kind in kinds)],  # noqa: UP007
        description=" Or: ".join(kind.meaning for kind in kinds),
        media_type=MEDIA_TYPE,
        generate_examples=False,
        examples=[Example(summary=kind.name, value=_example(kind)) for kind in kinds],
    )


@cache
def _schema(name: str) -> type[msgspec.Struct]:
    """Return the schema of one type of problem, the same object for every route: its name stands for it."""
    kind = _KINDS[name]
    return msgspec.defstruct(
        "".join(map(str.title, name.split("-"))) + "Problem",
        [
            ("type", Literal[f"{TYPE_PREFIX}{name}"]),
            ("title", str),
            ("status", Literal[kind.status]),
            *((member, its) for member, (its, _) in kind.members.items()),
            ("detail", str | UnsetType, UNSET),
            ("instance", Annotated[str | UnsetType, _INSTANCE], UNSET),
        ],
        frozen=True,
        kw_only=True,
        namespace={"__doc__": kind.meaning},
    )


def _example(kind: _Kind) -> dict[str, Any]:
    document = {"type": f"{TYPE_PREFIX}{kind.name}", "title": kind.title, "status": kind.status}
    shown = {"detail": kind.detail} if kind.detail else {}
    return document | shown | {member: example for member, (_, example) in kind.members.items()}
