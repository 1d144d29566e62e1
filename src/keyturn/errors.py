"""Everything that Keyturn raises on purpose, and in one table what is told of it (`answer_to`).

`api/problems.py` makes RFC 9457 documents of it.

KeyturnError
├── SettingsInvalid          every fault of the configuration at once
├── TemplateInvalid          a template at file:line
│   └── CatalogueInvalid     a catalogue of translations at file:line
├── SampleNotSaved           a sample that cannot be written, with the file and the reason
├── ExtraMissing             a package that an extra brings is not installed
├── DatabaseUnready          not reachable, or its migrations were not run
├── AccountsUnready          the app's accounts cannot be reached
├── LimitsUnready            the store that the limits share does not answer
├── InputInvalid             malformed input, field by field
├── PasswordRejected         every rule that the password breaks
├── LinkDead                 a reset link that no longer works, with the reason
├── CredentialsRejected      wrong address or password
├── NotSignedIn              no live session
├── OriginRefused            a browser request from another site
├── WebhookRefused           a report that is forged, stale or incomplete
├── TooManyRequests          a limit is used up; when to come back
├── Busy                     the queue of password hashes is full; when to come back
└── SendFailed               the provider did not take a mail
    ├── SendRetryable        it may take it later
    ├── QuotaExhausted       not before the quota renews
    └── SendRefused          it never will
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

DeadReason = Literal["invalid", "expired", "used"]


class KeyturnError(Exception):
    """The root of the tree: catch it to catch all that Keyturn raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the input, by the name the person knows it by."""

    name: str
    message: str


class SettingsInvalid(KeyturnError):
    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{fault.name}: {fault.message}" for fault in self.faults))


class TemplateInvalid(KeyturnError):
    """`line` counts from 1; it is None where the engine gives no position."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


class CatalogueInvalid(TemplateInvalid):
    """What a template needs of it cannot be had, so it is told as the template's own mistakes are."""


class SampleNotSaved(KeyturnError):
    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file} was not written: {reason}")


class ExtraMissing(KeyturnError):
    """A package that an extra brings is not installed; the text says what needs it, and how to get it."""


class DatabaseUnready(KeyturnError):
    pass


class AccountsUnready(KeyturnError):
    pass


class LimitsUnready(KeyturnError):
    pass


class InputInvalid(KeyturnError):
    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.name}: {fault.message}" for fault in faults))


@dataclass(frozen=True, slots=True)
class Violation:
    """A password rule that was broken: `rule` is stable, `message` is for a person, `limit` the number in it."""

    rule: str
    message: str
    limit: int | None = None


class PasswordRejected(KeyturnError):
    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(violation.message for violation in self.violations))


class LinkDead(KeyturnError):
    def __init__(self, reason: DeadReason) -> None:
        self.reason: DeadReason = reason
        super().__init__(f"the link is {reason}")


class CredentialsRejected(KeyturnError):
    pass


class NotSignedIn(KeyturnError):
    pass


class OriginRefused(KeyturnError):
    pass


class WebhookRefused(KeyturnError):
    pass


class TooManyRequests(KeyturnError):
    """`retry_after` in whole seconds, at least 1."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class Busy(KeyturnError):
    """`retry_after` in whole seconds, at least 1."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"retry after {retry_after} s")


class SendFailed(KeyturnError):
    """`reason` is the provider's own short word for it; it never holds an address, a link or a key."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class SendRetryable(SendFailed):
    """`retry_after` in seconds, where the provider said so. `not_accepted`: it is certain that nobody took the mail."""

    def __init__(self, reason: str, retry_after: float | None = None, *, not_accepted: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.not_accepted = not_accepted


class QuotaExhausted(SendFailed):
    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class SendRefused(SendFailed):
    """`account` where the provider refuses us, by a key or a log-in, and not this mail."""

    def __init__(self, reason: str, *, account: bool = False) -> None:
        super().__init__(reason)
        self.account = account


class Answer(NamedTuple):
    """What a client and the figures are told of an error.

    `status` is that of HTTP, `problem` the name of the problem document, `outcome` the label of the metric.
    """

    status: int
    problem: str
    outcome: str


_ANSWERS: Mapping[type[Exception], Answer] = {
    InputInvalid: Answer(400, "invalid-input", "malformed"),
    LinkDead: Answer(400, "link-dead", "link_dead"),
    WebhookRefused: Answer(400, "webhook-refused", "refused"),
    CredentialsRejected: Answer(401, "credentials-rejected", "credentials_rejected"),
    NotSignedIn: Answer(401, "not-signed-in", "not_signed_in"),
    OriginRefused: Answer(403, "origin-refused", "refused"),
    PasswordRejected: Answer(422, "password-rejected", "password_rejected"),
    TooManyRequests: Answer(429, "too-many-requests", "limited"),
    Busy: Answer(503, "busy", "busy"),
    DatabaseUnready: Answer(503, "unavailable", "unavailable"),
    AccountsUnready: Answer(503, "unavailable", "unavailable"),
    LimitsUnready: Answer(503, "unavailable", "unavailable"),
}
"""Everything that a request may end in; whatever else is raised is a fault of ours."""


def answer_to(error: Exception) -> Answer:
    """Return what is told of the error; of one that nobody foresaw, that it failed. Never what the error says."""
    answer = _ANSWERS.get(type(error), Answer(500, "internal", "failed"))
    return answer._replace(outcome=f"link_{error.reason}") if isinstance(error, LinkDead) else answer
