"""What becomes of a call that fails: the problem a client is told and the outcome that is counted, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass

from keyturn.errors import (
    Busy,
    ChallengeRequired,
    CodeRefused,
    CredentialsRejected,
    InputInvalid,
    KeyturnError,
    LinkDead,
    NotSignedIn,
    OriginRefused,
    OutcomeUnknown,
    PasswordRejected,
    ResetRefused,
    SecondStepRejected,
    SecondStepRequired,
    SecurityLinkDead,
    ServiceKeyRefused,
    TooManyRequests,
    Unavailable,
    WebhookRefused,
)

ACCEPTED = "accepted"
"""The outcome of a call that does not fail."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: how an error is named to a client and in the metrics.

    `status` is that of the answer, `problem` the end of the document's `type` (RFC 9457, 3.1.1), `title` its title in
    English. `is_for_people` says that a person may come to see it, so that it is translated; what only a program can
    cause stays English. `outcome` is the metric's label; a name in braces is filled in from the error, and has to be
    one of a few words. Where a call that is counted cannot raise the error, it is that of any fault.
    """

    status: int
    problem: str
    title: str
    outcome: str = "failed"
    is_for_people: bool = True


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


REFUSALS: Mapping[type[Exception], Refusal] = {
    InputInvalid: Refusal(400, "invalid-input", "The request is malformed", "malformed", is_for_people=False),
    WebhookRefused: Refusal(400, "webhook-refused", "The webhook is not accepted", is_for_people=False),
    OriginRefused: Refusal(403, "origin-refused", "The request came from another site", is_for_people=False),
    LinkDead: Refusal(400, "link-dead", N_("This link does not work"), "link_{reason}"),
    CodeRefused: Refusal(400, "code-refused", N_("This code does not work"), "code_refused"),
    # No 401, which would have to name a scheme to authenticate by (RFC 9110, 15.5.2): nobody says who they are here.
    ChallengeRequired: Refusal(403, "challenge-required", N_("Please show that you are a person"), "challenge_{flaw}"),
    SecurityLinkDead: Refusal(400, "security-link-dead", N_("This link does not work"), "link_dead"),
    ResetRefused: Refusal(403, "reset-refused", N_("Your password was not changed"), "refused"),
    CredentialsRejected: Refusal(
        401, "credentials-rejected", N_("The address or the password is wrong"), "credentials_rejected"
    ),
    SecondStepRequired: Refusal(401, "second-step-required", N_("A second step is needed"), "second_step_required"),
    SecondStepRejected: Refusal(401, "second-step-rejected", N_("This code is not right"), "second_step_rejected"),
    NotSignedIn: Refusal(401, "not-signed-in", N_("Nobody is signed in"), "not_signed_in"),
    ServiceKeyRefused: Refusal(
        401, "service-key-refused", "The service key is missing or wrong", "service_key_refused", is_for_people=False
    ),
    PasswordRejected: Refusal(422, "password-rejected", N_("The password is not accepted"), "password_rejected"),
    TooManyRequests: Refusal(429, "too-many-requests", N_("Too many requests"), "limited"),
    Busy: Refusal(503, "busy", N_("Too much is going on at the moment"), "busy"),
    Unavailable: Refusal(503, "unavailable", N_("The service cannot answer at the moment"), "unavailable"),
    # RFC 9110 15.6.5: what lies behind did not answer in time. No Retry-After: the link is used up.
    OutcomeUnknown: Refusal(504, "outcome-unknown", N_("Your new password may not have been saved"), "outcome_unknown"),
    KeyturnError: Refusal(500, "internal", N_("Something went wrong")),
}
"""By the error's class, or the nearest above it."""


def refusal_of(error: Exception) -> Refusal:
    """Return the row of an error. One that is not Keyturn's own is told as any fault of ours."""
    known = (REFUSALS[above] for above in type(error).__mro__ if above in REFUSALS)
    return next(known, REFUSALS[KeyturnError])


def outcome_of(error: Exception) -> str:
    """Return the label under which a call that raised `error` is counted; never what the error says."""
    return refusal_of(error).outcome.format_map(vars(error))
