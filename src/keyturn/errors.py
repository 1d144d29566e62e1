"""Errors that users never see: they stop a command, or the worker handles them.

One that a request raises is a fault of Keyturn's. `KeyturnError` is the root of these and of the
problems, which users see (`keyturn.service.problems`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from click import ClickException


class KeyturnError(Exception):
    """The root of the tree: catch it to catch all errors that Keyturn raises on purpose."""

    counted = False
    """Whether the figures already count a call that failed with this error
    (`telemetry/meters.py`).
    """


class UnknownMail(LookupError, KeyturnError):
    """There is no template, sample or brand of that name."""


class DataUnfit(KeyturnError):
    """The data of a mail does not fit the type that its template declares."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in the input, under the name that the user knows.

    `origin`: the name that the user wrote instead.
    `unset`: variables that the value names, and that are not set or empty.
    """

    name: str
    message: str
    origin: str = field(default="", compare=False)
    unset: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.origin or self.name}: {self.message}"


class SettingsInvalid(KeyturnError, ClickException):
    """The configuration does not work; `faults` holds every reason, by the setting's name.

    `litestar` and `uvicorn` are Click commands: if an app raises it while they load the app, they
    print its sentences and exit with 1.

    `missing_file`: the settings file that was not found, "" if a file was read.
    """

    def __init__(self, faults: Sequence[Fault], *, missing_file: str = "") -> None:
        self.faults = tuple(faults)
        self.missing_file = missing_file
        super().__init__("\n".join(map(str, self.faults)))

    @classmethod
    def of(cls, setting: str, message: str) -> Self:
        """Return the error of one setting."""
        return cls([Fault(setting, message)])

    def format_message(self) -> str:
        """Return the text for people: each fault on a line, and what to do about a file."""
        title = "The settings have errors"
        advice = []
        if self.missing_file:
            title += f", and there is no {self.missing_file} in {Path.cwd()}"
            names = [fault.origin or fault.name for fault in self.faults]
            # A file cannot fix a variable: variables have upper-case names, settings lower-case
            # ones.
            if not all(name.isupper() for name in names):
                advice = ["Run `keyturn init` to write the file."]
        faults = [f"  {fault}".replace("\n", " ") for fault in self.faults]
        return "\n".join([f"{title}:", *faults, *advice])


_LONGEST_REASON = 1_000


class TemplateInvalid(KeyturnError):
    """A template cannot be rendered.

    Its text has the first 1,000 letters of the `message`, which may quote any word of the template.

    `line`: from 1; None if the engine gives no position.
    `others`: further mistakes in the same mail, or in its samples.
    `by_itself`: the template fails with any values.
    `column`: where the tag that fails starts in its line, from 1; None if that is unknown.
    """

    others: tuple["TemplateInvalid", ...] = ()
    by_itself = False
    column: int | None = None

    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path = path
        self.line = line
        self.message = message
        place = path
        if line:
            place = f"{path}:{line}"
        reason = message
        if len(message) > _LONGEST_REASON:
            reason = f"{message[:_LONGEST_REASON]}…"
        super().__init__(f"{place}: {reason}")

    def __reduce__(self) -> tuple[type["TemplateInvalid"], tuple[object, ...], dict[str, object]]:
        """Return what makes the error anew, since it crosses from a worker process."""
        state = {"others": self.others, "by_itself": self.by_itself, "column": self.column}
        return type(self), (self.path, self.line, self.message), state


class CatalogueInvalid(TemplateInvalid):
    """A catalogue lacks what a template needs; reported like the template's own mistakes."""


class SampleNotSaved(KeyturnError):
    """A sample cannot be written to `file`; `reason` says why."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file = file
        self.reason = reason
        super().__init__(f"{file} was not written: {reason}")


class ExtraMissing(KeyturnError):
    """A package of an extra is not installed; the text says what needs it and how to install it."""


class SendFailed(KeyturnError):
    """A provider did not take a mail.

    `reason` is the provider's short word, without any address, link or key.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


LONGEST_PAUSE = 24 * 3600.0
"""Seconds. A longer pause would outlast all records of the message but its row in the outbox."""


class SendRetryable(SendFailed):
    """The provider may take the mail later.

    `retry_after`: seconds that the provider asks for, a day at most.
    `not_accepted`: the provider certainly did not take the mail.
    `down`: the provider seems to fail for all clients; False for a provider that only limits our
    rate.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        not_accepted: bool = False,
        down: bool = True,
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        if retry_after is not None:
            self.retry_after = min(max(0.0, retry_after), LONGEST_PAUSE)
        self.not_accepted = not_accepted
        self.down = down


class SendUnknown(SendRetryable):
    """The provider may have the mail, and has no idempotency keys by which it would know a retry.

    So wait `retry_after` seconds for its report first.
    """


class QuotaExhausted(SendFailed):
    """The provider takes no mail before `until`."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class SendRefused(SendFailed):
    """The provider never takes the mail.

    `account`: it refuses our account.
    `key_used`: it had another mail under this key.
    """

    def __init__(self, reason: str, *, account: bool = False, key_used: bool = False) -> None:
        super().__init__(reason)
        self.account = account
        self.key_used = key_used
