"""Everything that Keyturn raises on purpose. No HTTP in it: `telemetry/outcomes.py` says what a client is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from click import ClickException

DeadReason = Literal["invalid", "expired", "used", "second_step"]
ChallengeFlaw = Literal["missing", "expired", "refused"]
ChallengeMethod = Literal["altcha", "turnstile", "hcaptcha"]
FactorMethod = Literal["totp", "sms", "recovery_code", "other"]


class KeyturnError(Exception):
    """The root of the tree: catch it to catch all that Keyturn raises on purpose."""

    counted = False
    """Whether a call that failed with it is in the figures already (`telemetry/meters.py`)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the input, by the name people know it by; `origin` is what they wrote instead."""

    name: str
    message: str
    origin: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.origin or self.name}: {self.message}"


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


class Unavailable(KeyturnError):
    """Something that a call needs does not answer; it may the next time."""


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
    """Whoever verifies answers to the challenge does not answer, or refuses us; that is no answer about anybody."""


class WorkerDown(Unavailable):
    """What is accepted is kept, but the worker that would send it has ended."""


class HookFailed(Unavailable):
    """A function of the app's that has to agree gave no answer, so nothing was done."""


class OutcomeUnknown(KeyturnError):
    """A new password was on its way to where it is kept, and nobody knows whether it arrived."""


class InputInvalid(KeyturnError):
    """A request is malformed; `faults` holds every reason, by the field's name."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))


@dataclass(frozen=True, slots=True)
class Violation:
    """A password rule that was broken: `rule` is stable, `message` is for a person, `limit` the number in it."""

    rule: str
    message: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class AskedChallenge:
    """What a form needs to show a challenge; `site_key` and `action` are those of a service's widget."""

    method: ChallengeMethod
    site_key: str = ""
    action: str = ""


class ChallengeRequired(KeyturnError):
    """A request comes without an answer to the challenge, or with one that is not good for it: `flaw` says which."""

    def __init__(self, flaw: ChallengeFlaw, asked: AskedChallenge) -> None:
        self.flaw: ChallengeFlaw = flaw
        self.asked = asked
        super().__init__(f"the answer to the challenge is {flaw}")


class CodeRefused(KeyturnError):
    """A code is wrong, or no longer works; which of the two, and whether there was one, is not said."""


class PasswordRejected(KeyturnError):
    """A new password breaks every rule in `violations`."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(violation.message for violation in self.violations))


class LinkDead(KeyturnError):
    """A reset link does not work, or no longer, for the `reason`."""

    def __init__(self, reason: DeadReason) -> None:
        self.reason: DeadReason = reason
        super().__init__(f"the link is {reason}")


class SecurityLinkDead(KeyturnError):
    """A link by which somebody says that it was not them does not work; why not is not said."""


class ResetRefused(KeyturnError):
    """The app has something against the reset: `sentence` says what, to the person."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class CredentialsRejected(KeyturnError):
    """The address or the password is wrong; which of the two is not said."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor: `method` is "totp", "sms", "recovery_code", or "other" where no code can be checked here.

    `hint` is for a person, as the last two digits of a phone.
    """

    method: FactorMethod
    hint: str = ""


class SecondStepRequired(KeyturnError):
    """An account has second `factors`, and a link alone sets no password. `sent` is the method a code was sent for."""

    def __init__(self, factors: Sequence[Factor], sent: str = "") -> None:
        self.factors = tuple(factors)
        self.sent = sent
        super().__init__("a second step is required")


class SecondStepRejected(KeyturnError):
    """A code is wrong, or was used before. The link lives through as many more as `tries_left` says."""

    def __init__(self, factors: Sequence[Factor], tries_left: int) -> None:
        self.factors = tuple(factors)
        self.tries_left = tries_left
        super().__init__("the code is wrong")


class NotSignedIn(KeyturnError):
    """The request comes with no live session."""


class ServiceKeyRefused(KeyturnError):
    """A request of an operator's app comes without the service key."""


class OriginRefused(KeyturnError):
    """A browser says that another site caused the request."""


class WebhookRefused(KeyturnError):
    """A report is forged, stale or incomplete."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What one client may do: `requests` in any `seconds`, for the kind of request that `name` says."""

    name: str
    requests: int
    seconds: int


class TooManyRequests(KeyturnError):
    """A limit is used up. `retry_after` in whole seconds, at least 1. `quota` is the client's own, where that is it."""

    def __init__(self, retry_after: int, quota: Quota | None = None) -> None:
        self.retry_after = retry_after
        self.quota = quota
        super().__init__(f"retry after {retry_after} s")


class OverBudget(TooManyRequests):
    """All clients together have used up what they may ask for; no client is told."""


class Busy(KeyturnError):
    """The queue of password hashes is full. `retry_after` in whole seconds, at least 1."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


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
