"""Errors that no user meets: they stop a command, or the worker handles them. In a request they are faults of ours.

`KeyturnError` is the root of these and of the problems, which users meet (`keyturn.problems`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from click import ClickException


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
    """A template cannot be rendered. `line` counts from 1; it is None where the engine gives no position.

    `others`: further mistakes in the samples of the same mail, which this one does not hide.
    """

    others: tuple["TemplateInvalid", ...] = ()

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
