"""Everything that Keyturn raises on purpose: first the problems, which users meet, then the errors that no user meets.

A problem is one class. The API's answers, their description in OpenAPI, the pages, the metrics and the audit trail read
its status, title, sentence, members and outcome. To add a problem, write a class. Its page shows the title and the
sentence, unless `pages/templates/refusal.html` has a text for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol

import msgspec
from click import ClickException
from msgspec import Meta

DeadReason = Literal["invalid", "expired", "used", "second_step"]
ChallengeFlaw = Literal["missing", "expired", "refused"]
ChallengeMethod = Literal["altcha", "turnstile", "hcaptcha"]
FactorMethod = Literal["totp", "sms", "recovery_code", "other"]


class Texts(Protocol):
    """Translates texts for the reader (`keyturn.languages`)."""

    def gettext(self, text: str, /, **values: object) -> str: ...

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str: ...


class Words(Texts, Protocol):
    """Translates texts, and writes durations and lists."""

    def duration(self, span: timedelta) -> str: ...

    def join_list(self, texts: Iterable[str]) -> str: ...


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


class KeyturnError(Exception):
    """The root of the tree: catch it to catch all that Keyturn raises on purpose."""

    counted = False
    """Whether a call that failed with it is in the figures already (`telemetry/meters.py`)."""


PROBLEMS: dict[str, type["Problem"]] = {}
"""Every problem by its slug."""

_NEEDED = {"status", "slug", "title", "outcome"}

NOT_COUNTED = "failed"
"""The outcome of a problem that no counted call raises. If one does, that is a fault of ours."""

MALFORMED = "malformed"
"""The outcome of a request that could not be read."""


class Problem(KeyturnError):
    """An error that users meet. A subclass says the following, or is a kind of the problem above it.

    `status`: the HTTP status of the answer (RFC 9110).
    `slug`: the end of the document's `type` (RFC 9457, 3.1.1), in kebab-case; no two problems share one.
    `title`: the document's title in English.
    `outcome`: the label in the metrics; a name in braces is that of an attribute, which has one of a few words.
    `members`: names and types of the document's members beside the standard ones.
    `example`: the arguments of one for OpenAPI.
    `scheme`: what a 401 asks a client to authenticate by (RFC 9110, 11.6.1).
    `for_people`: whether a person may see it, so that title and detail are translated. What only a program can cause
    stays English.

    The first line of the docstring is the problem's meaning in OpenAPI.
    """

    status: ClassVar[int]
    slug: ClassVar[str]
    title: ClassVar[str]
    outcome: ClassVar[str]
    members: ClassVar[Sequence[tuple[str, Any]]] = ()
    scheme: ClassVar[str] = ""
    for_people: ClassVar[bool] = True
    example: ClassVar[Sequence[Any]] = ()

    retry_after: int | None = None
    """Whole seconds until a retry is worth it, at least 1, if that is known."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        missing = _NEEDED - vars(cls).keys()
        if missing == _NEEDED and hasattr(cls, "slug"):
            return
        if missing:
            raise TypeError(f"{cls.__name__} is a problem and needs: {', '.join(sorted(missing))}")
        if cls.slug in PROBLEMS:
            raise TypeError(f"{cls.__name__} and {PROBLEMS[cls.slug].__name__} are both the problem {cls.slug}")
        PROBLEMS[cls.slug] = cls

    def detail(self, words: Words, /) -> str:
        """Return the sentence under the title in the reader's language; "" if the title says it all."""
        if self.retry_after is None:
            return ""
        return words.gettext("Try again in %(wait)s.", wait=words.duration(timedelta(seconds=self.retry_after)))

    def member_values(self, _: Words, /) -> Mapping[str, Any]:
        """Return the values of `members`."""
        return {} if self.retry_after is None else {"retryAfter": self.retry_after}

    def headers(self) -> Mapping[str, str]:
        """Return the headers that belong to it in an answer of the API."""
        named = {"WWW-Authenticate": self.scheme, "Retry-After": str(self.retry_after or "")}
        return {name: value for name, value in named.items() if value}


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is to users: itself, or a fault of ours."""
    return error if isinstance(error, Problem) else Internal()


def outcome_of(error: Exception) -> str:
    """Return the label under which a call that raised `error` is counted; never what the error says."""
    problem = problem_of(error)
    return problem.outcome.format_map(vars(problem))


# Problems of any request


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the input, by the name people know it by; `origin` is what they wrote instead."""

    name: str
    message: str
    origin: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.origin or self.name}: {self.message}"


class FieldError(msgspec.Struct, frozen=True):
    """Names a field of the request, and says what is wrong with it."""

    field: str
    message: str


class InputInvalid(Problem):
    """The request is malformed; `errors` names each field."""

    status = 400
    slug = "invalid-input"
    title = "The request is malformed"
    outcome = MALFORMED
    members = (("errors", tuple[FieldError, ...]),)
    for_people = False
    example = (Fault("email", "not an email address"),)

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))

    def detail(self, _: Words, /) -> str:
        return str(self)

    def member_values(self, _: Words, /) -> Mapping[str, Any]:
        return {"errors": [FieldError(fault.name, fault.message) for fault in self.faults]}


class OriginRefused(Problem):
    """A browser says that another site caused the request."""

    status = 403
    slug = "origin-refused"
    title = "The request came from another site"
    outcome = NOT_COUNTED
    for_people = False


class NotFound(Problem):
    """There is nothing at this address."""

    status = 404
    slug = "not-found"
    title = "There is nothing at this address"
    outcome = NOT_COUNTED
    for_people = False


class MethodNotAllowed(Problem):
    """This address does not answer that method."""

    status = 405
    slug = "method-not-allowed"
    title = "This address does not answer that method"
    outcome = NOT_COUNTED
    for_people = False


class RequestTooLarge(Problem):
    """The request is too large."""

    status = 413
    slug = "too-large"
    title = "The request is too large"
    outcome = MALFORMED
    for_people = False


class UnsupportedMediaType(Problem):
    """The body must be application/json."""

    status = 415
    slug = "unsupported-media-type"
    title = "The body must be application/json"
    outcome = MALFORMED
    for_people = False


class Misdirected(Problem):
    """Nothing is answered for the host that was asked for."""

    status = 421
    slug = "misdirected"
    title = "Nothing is answered for the host that was asked for"
    outcome = NOT_COUNTED
    for_people = False


_WAIT = (("retryAfter", Annotated[int, Meta(ge=1, description="seconds, as in the header Retry-After")]),)


@dataclass(frozen=True, slots=True)
class Quota:
    """What one client may do: `requests` in any `seconds`, for the kind of request that `name` says."""

    name: str
    requests: int
    seconds: int


class TooManyRequests(Problem):
    """A limit is used up.

    `retry_after`: whole seconds, at least 1.
    `quota`: the limit, if it is the client's own.
    """

    status = 429
    slug = "too-many-requests"
    title = N_("Too many requests")
    outcome = "limited"
    members = _WAIT
    example = (30,)

    def __init__(self, retry_after: int, quota: Quota | None = None) -> None:
        self.retry_after: int = retry_after
        self.quota = quota
        super().__init__(f"retry after {retry_after} s")

    def headers(self) -> Mapping[str, str]:
        """Add the fields of draft-ietf-httpapi-ratelimit-headers-10.

        Of a client's own limits alone: those of an account, or of the networks around a client, would tell what others
        do.
        """
        if not (quota := self.quota):
            return super().headers()
        return {
            **super().headers(),
            "RateLimit-Policy": f'"{quota.name}";q={quota.requests};w={quota.seconds}',
            "RateLimit": f'"{quota.name}";r=0;t={self.retry_after}',
        }


class OverBudget(TooManyRequests):
    """All clients together have used up what they may ask for; no client is told."""


class Busy(Problem):
    """Too many passwords are being hashed.

    Or the line of some other bounded work is full. `retry_after`: whole seconds, at least 1.
    """

    status = 503
    slug = "busy"
    title = N_("Too much is going on at the moment")
    outcome = "busy"
    members = _WAIT
    example = (30,)

    def __init__(self, retry_after: int) -> None:
        self.retry_after: int = retry_after
        super().__init__(f"retry after {retry_after} s")


class Unavailable(Problem):
    """Something that the call needs does not answer.

    It may the next time.
    """

    status = 503
    slug = "unavailable"
    title = N_("The service cannot answer at the moment")
    outcome = "unavailable"
    members = _WAIT
    example = ("", 30)

    def __init__(self, reason: str = "", retry_after: int = 5) -> None:
        self.retry_after: int = retry_after
        super().__init__(reason)


class DatabaseUnready(Unavailable):
    """Keyturn's own database cannot be reached, or its migrations were not run."""


class AccountsUnready(Unavailable):
    """The app's accounts cannot be reached. `not_changed`: it is certain that no account was changed."""

    def __init__(self, reason: str, *, not_changed: bool = False) -> None:
        super().__init__(reason)
        self.not_changed = not_changed


class SecondStepUnfinished(Unavailable):
    """A code is wrong for one second factor of an account, and another factor could not be asked.

    It is not known that the code is wrong, and yet it was judged: the try is not given back.
    """


class LimitsUnready(Unavailable):
    """The store that the limits share does not answer."""


class ChallengeUnready(Unavailable):
    """The service that verifies answers to the challenge does not answer, or refuses us. The answer is unjudged."""


class WorkerDown(Unavailable):
    """What is accepted is kept, but the worker that would send it has ended."""


class HookFailed(Unavailable):
    """A function of the app's that has to agree gave no answer, so nothing was done."""


class Internal(Problem):
    """A fault of ours; what happened is in the log."""

    status = 500
    slug = "internal"
    title = N_("Something went wrong")
    outcome = NOT_COUNTED


# Problems of links and codes


class LinkDead(Problem):
    """The link is dead; `reason` says why."""

    status = 400
    slug = "link-dead"
    title = N_("This link does not work")
    outcome = "link_{reason}"
    members = (("reason", DeadReason),)
    example = ("expired",)

    def __init__(self, reason: DeadReason) -> None:
        self.reason: DeadReason = reason
        super().__init__(f"the link is {reason}")

    def detail(self, words: Words, /) -> str:
        match self.reason:
            case "invalid":
                return words.gettext("This reset link is invalid. Please request a new one.")
            case "expired":
                return words.gettext("This reset link has expired. Please request a new one.")
            case "used":
                return words.gettext("This reset link has already been used. Please request a new one.")
            case "second_step":
                return words.gettext(
                    "Too many wrong codes were entered: this link no longer works, and your password is as it was."
                    " Please request a new one."
                )

    def member_values(self, _: Words, /) -> Mapping[str, Any]:
        return {"reason": self.reason}


class SecurityLinkDead(Problem):
    """The link is dead, for whatever reason.

    It is a link by which a user says that a change or a request was not theirs.
    """

    status = 400
    slug = "security-link-dead"
    title = N_("This link does not work")
    outcome = "link_dead"

    def detail(self, words: Words, /) -> str:
        return words.gettext("It was used already, or it is too old.")


class CodeRefused(Problem):
    """The code is wrong, has expired, was used, or there is none; which of them is not said."""

    status = 400
    slug = "code-refused"
    title = N_("This code does not work")
    outcome = "code_refused"

    def detail(self, words: Words, /) -> str:
        return words.gettext("It is wrong, or it no longer works. You can request a new one.")


class WebhookRefused(Problem):
    """A provider's report is forged, stale or incomplete."""

    status = 400
    slug = "webhook-refused"
    title = "The webhook is not accepted"
    outcome = NOT_COUNTED
    for_people = False

    def detail(self, _: Words, /) -> str:
        return str(self)


# Problems of people who ask for a link, set a password or sign in


class Challenge(msgspec.Struct, frozen=True, rename="camel"):
    """What a form needs to show a challenge. `action` is that of a service's widget."""

    method: ChallengeMethod
    site_key: str
    action: str


class ChallengeRequired(Problem):
    """An answer to a challenge is missing, has expired or is refused; `challenge` is what a form needs to show one.

    `flaw`: what is wrong with the answer.
    """

    # No 401, which would have to name a scheme to authenticate by (RFC 9110, 15.5.2): the client has no identity here.
    status = 403
    slug = "challenge-required"
    title = N_("Please show that you are a person")
    outcome = "challenge_{flaw}"
    members = (
        ("reason", ChallengeFlaw),
        ("challenge", Challenge),
    )
    example = ("missing", Challenge("altcha", "", "request_reset"))

    def __init__(self, flaw: ChallengeFlaw, asked: Challenge) -> None:
        self.flaw: ChallengeFlaw = flaw
        self.asked = asked
        super().__init__(f"the answer to the challenge is {flaw}")

    def detail(self, words: Words, /) -> str:
        return flaw_text(self.flaw, words)

    def member_values(self, _: Words, /) -> Mapping[str, Any]:
        return {"reason": self.flaw, "challenge": self.asked}


def flaw_text(flaw: ChallengeFlaw, words: Texts) -> str:
    """Return what to do about an answer to a challenge that is missing or refused."""
    match flaw:
        case "missing":
            return words.gettext("Answer the check below, then send the form again.")
        case "expired":
            return words.gettext("The check has expired. Answer it once more, then send the form again.")
        case "refused":
            return words.gettext("The check was not passed. Try it once more.")


class CredentialsRejected(Problem):
    """The address or the password is wrong.

    Which of the two is not said. Browsers show no dialog for a scheme that they do not know.
    """

    status = 401
    slug = "credentials-rejected"
    title = N_("The address or the password is wrong")
    outcome = "credentials_rejected"
    scheme = "Session"


class NotSignedIn(Problem):
    """Nobody is signed in."""

    status = 401
    slug = "not-signed-in"
    title = N_("Nobody is signed in")
    outcome = "not_signed_in"
    scheme = "Session"


class ServiceKeyRefused(Problem):
    """The service key is missing or wrong."""

    status = 401
    slug = "service-key-refused"
    title = "The service key is missing or wrong"
    outcome = "service_key_refused"
    scheme = "Bearer"
    for_people = False


class ResetRefused(Problem):
    """The app has something against it: `detail` says what, to the person. The link lives, and nothing was changed."""

    status = 403
    slug = "reset-refused"
    title = N_("Your password was not changed")
    outcome = "refused"
    example = ("Your account is being examined. Please call us.",)

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)

    def detail(self, _: Words, /) -> str:
        return self.sentence


class OutcomeUnknown(Problem):
    """An answer was lost on the way: the password may have been changed, or not."""

    # RFC 9110 15.6.5: an upstream did not answer in time. No Retry-After: the link is used up.
    status = 504
    slug = "outcome-unknown"
    title = N_("Your new password may not have been saved")
    outcome = "outcome_unknown"

    def detail(self, words: Words, /) -> str:
        return words.gettext("Try to sign in with it. If that does not work, wait a minute and request a new link.")


@dataclass(frozen=True, slots=True)
class Violation:
    """A password rule that was broken: `rule` is stable, `message` is for a person, `limit` the number in it."""

    rule: str
    message: str
    limit: int | None = None


class BrokenRule(msgspec.Struct, frozen=True, kw_only=True):
    """Names a rule for passwords, and says it to a person."""

    rule: str
    message: str


class PasswordRejected(Problem):
    """The password is not accepted; `violations` holds every broken rule, and nothing was changed."""

    status = 422
    slug = "password-rejected"
    title = N_("The password is not accepted")
    outcome = "password_rejected"
    members = (("violations", tuple[BrokenRule, ...]),)
    example = ([Violation("min_length", "at least 12 characters", 12)],)

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(violation.message for violation in self.violations))

    def detail(self, words: Words, /) -> str:
        return words.join_list(broken.message for broken in self.broken_rules(words))

    def member_values(self, words: Words, /) -> Mapping[str, Any]:
        return {"violations": self.broken_rules(words)}

    def broken_rules(self, words: Texts) -> tuple[BrokenRule, ...]:
        """Return the rules in the reader's language."""
        return tuple(
            BrokenRule(rule=broken.rule, message=rule_text(broken.rule, broken.limit, words) or broken.message)
            for broken in self.violations
        )


def rule_text(name: str, limit: int | None, texts: Texts) -> str:
    """Return what a rule asks for, as part of a sentence; "" for a rule of somebody else's."""
    match name:
        case "min_length" | "weak_length" if limit:
            return texts.ngettext("at least %(limit)s character", "at least %(limit)s characters", limit, limit=limit)
        case "max_bytes":
            return texts.gettext(
                "at most %(limit)s bytes: %(limit)s plain letters, fewer with accents or emoji", limit=limit
            )
        case "uppercase":
            return texts.gettext("an upper-case letter")
        case "lowercase":
            return texts.gettext("a lower-case letter")
        case "digit":
            return texts.gettext("a digit")
        case "special":
            return texts.gettext("a special character")
        case "common":
            return texts.gettext("not one of the common passwords")
        case "personal":
            return texts.gettext("not your address or the name of the site")
        case _:
            return _refusal_text(name, texts)


def _refusal_text(name: str, texts: Texts) -> str:
    """Return what is known only once a password is there, of what Supabase Auth says, too."""
    match name:
        case "weak_length":
            return texts.gettext("a longer password")
        case "weak_characters":
            return texts.gettext("more kinds of characters, such as upper-case letters, digits and special characters")
        case "breached" | "weak_pwned":
            return texts.gettext("not one that is known from a data leak")
        case "current":
            return texts.gettext("not the password that you have now")
        case "weak":
            return texts.gettext("a password that is harder to guess")
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor: `method` is "totp", "sms", "recovery_code", or "other" where no code can be checked here.

    `hint` is for a person, as the last two digits of a phone.
    """

    method: FactorMethod
    hint: str = ""


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True):
    """Names a second factor of the account; `hint` is for its owner, as the end of a phone's number.

    For `other` no code can be checked here.
    """

    method: FactorMethod
    hint: str


class SecondStepRequired(Problem):
    """The account has a second factor: send a code as `secondStep`. `sent` is the method that one was sent for.

    A link alone sets no password of an account with second `factors`.
    """

    status = 401
    slug = "second-step-required"
    title = N_("A second step is needed")
    outcome = "second_step_required"
    members = (
        ("methods", tuple[SecondFactor, ...]),
        ("sent", Literal["sms"] | None),
    )
    scheme = "SecondStep"
    example = ([Factor("totp"), Factor("sms", "…23")], "sms")

    def __init__(self, factors: Sequence[Factor], sent: str = "") -> None:
        self.factors = tuple(factors)
        self.sent = sent
        super().__init__("a second step is required")

    def detail(self, words: Words, /) -> str:
        return words.gettext("Your account has a second factor. To set a new password, also enter a code from it.")

    def member_values(self, _: Words, /) -> Mapping[str, Any]:
        return {"methods": self.factors, "sent": self.sent or None}


class SecondStepRejected(Problem):
    """The code is wrong, or was used before; the link lives through `triesLeft` more."""

    status = 401
    slug = "second-step-rejected"
    title = N_("This code is not right")
    outcome = "second_step_rejected"
    members = (
        ("methods", tuple[SecondFactor, ...]),
        ("triesLeft", Annotated[int, Meta(ge=0)]),
    )
    scheme = "SecondStep"
    example = ([Factor("totp")], 4)

    def __init__(self, factors: Sequence[Factor], tries_left: int) -> None:
        self.factors = tuple(factors)
        self.tries_left = tries_left
        super().__init__("the code is wrong")

    def detail(self, words: Words, /) -> str:
        return words.ngettext(
            "This code is wrong, or was used before. You have %(num)s more attempt.",
            "This code is wrong, or was used before. You have %(num)s more attempts.",
            self.tries_left,
        )

    def member_values(self, _: Words, /) -> Mapping[str, Any]:
        return {"methods": self.factors, "triesLeft": self.tries_left}


# Errors that no user meets: they stop a command, or the worker handles them. In a request they are faults of ours.


class SettingsInvalid(KeyturnError, ClickException):
    """The configuration does not work; `faults` holds every reason, by the setting's name.

    Where an app raises it while `litestar` or `uvicorn` loads it, these print its sentences and end with 1: they are
    commands of Click's.

    `missing_file`: the settings file that was looked for and is not there, "" where there is one.
    """

    def __init__(self, faults: Sequence[Fault], *, missing_file: str = "") -> None:
        self.faults = tuple(faults)
        self.missing_file = missing_file
        super().__init__("\n".join(map(str, self.faults)))

    def format_message(self) -> str:
        return "\n".join(["The settings have faults:", *(f"  {fault}" for fault in self.faults)])


class TemplateInvalid(KeyturnError):
    """A template cannot be rendered. `line` counts from 1; it is None where the engine gives no position."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")

    def __reduce__(self) -> tuple[type["TemplateInvalid"], tuple[str, int | None, str]]:
        return type(self), (self.path, self.line, self.message)  # a worker's answer


class CatalogueInvalid(TemplateInvalid):
    """A catalogue lacks what a template needs of it, so it is told as the template's own mistakes are."""


class SampleNotSaved(KeyturnError):
    """A sample cannot be written to `file`, for the `reason`."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file} was not written: {reason}")


class ExtraMissing(KeyturnError):
    """A package that an extra brings is not installed; the text says what needs it, and how to get it."""


class SendFailed(KeyturnError):
    """A provider did not take a mail. `reason` is its own short word for it, and holds no address, link or key."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


LONGEST_PAUSE = 24 * 3600.0
"""Seconds. More than that is no pause: the message would be forgotten by all but its table."""


class SendRetryable(SendFailed):
    """The provider may take the mail later.

    `retry_after` in seconds, where it said so, a day at most. `not_accepted`: it is certain that nobody took the mail.
    `down`: the provider works for nobody, as far as one can see; one that is merely asked too often is not.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, not_accepted: bool = False, down: bool = True
    ) -> None:
        super().__init__(reason)
        self.retry_after = None if retry_after is None else min(max(0.0, retry_after), LONGEST_PAUSE)
        self.not_accepted = not_accepted
        self.down = down


class SendUnknown(SendRetryable):
    """The provider may have the mail, and would send it twice: it knows no idempotency key.

    `retry_after` is the time that its report is given to say so first.
    """


class QuotaExhausted(SendFailed):
    """The provider takes no mail before `until`."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class SendRefused(SendFailed):
    """The provider will never take the mail. `account` where it refuses us, by a key or a log-in, and not this mail."""

    def __init__(self, reason: str, *, account: bool = False) -> None:
        super().__init__(reason)
        self.account = account
