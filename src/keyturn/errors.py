"""Errors that users never see: they stop a command, or the worker handles them.

In a request they are our faults.

`KeyturnError` is the root of these and of the problems, which users see
(`keyturn.service.problems`).
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
    """Whether the figures already count a call that failed
    with this error (`telemetry/meters.py`).
    """


class UnknownMail(LookupError, KeyturnError):
    """There is no template, sample or brand of that name."""


class DataUnfit(KeyturnError):
    """The data of a mail does not fit the type that its template declares."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in the input, under the name that the user knows; `origin` is the name that the
    user wrote instead.

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

    If an app raises it while `litestar` or `uvicorn` loads the app, these print its sentences and
    exit with 1: both are Click commands.

    `missing_file`: the settings file that was not found, "" if a file was read.
    """

    def __init__(self, faults: Sequence[Fault], *, missing_file: str = "") -> None:
        self.faults, self.missing_file = tuple(faults), missing_file
        super().__init__("\n".join(map(str, self.faults)))

    @classmethod
    def of(cls, setting: str, message: str) -> Self:
        """Return the error of one setting."""
        return cls([Fault(setting, message)])

    def format_message(self) -> str:
        """Return the error for people: each fault on a line,
        and what to do about a missing file.
        """
        where = (
            f", and there is no {self.missing_file} in {Path.cwd()}" if self.missing_file else ""
        )
        # A file cannot fix a variable: variables have upper-case names, settings lower-case ones.
        in_file = where and not all((fault.origin or fault.name).isupper() for fault in self.faults)
        more = ["Run `keyturn init` to write the file."] if in_file else []
        faults = (f"  {fault}".replace("\n", " ") for fault in self.faults)
        return "\n".join([f"The settings have errors{where}:", *faults, *more])


_LONGEST_REASON = 1_000


class TemplateInvalid(KeyturnError):
    """A template cannot be rendered.

    `line` counts from 1; it is None if the engine gives no position.

    Its text has the first 1,000 letters of the `message`, which may quote any word of the template.
    `others`: further mistakes in the same mail, or in its samples. `by_itself`: the template fails
    with any values.
    `column`: where the tag that fails starts in its line, from 1, if that is known.
    """

    others: tuple["TemplateInvalid", ...] = ()
    by_itself = False
    column: int | None = None

    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message
        reason = f"{message[:_LONGEST_REASON]}…" if len(message) > _LONGEST_REASON else message
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")

    def __reduce__(self) -> tuple[type["TemplateInvalid"], tuple[str, int | None, str]]:
        return type(self), (
            self.path,
            self.line,
            self.message,
        )  # the error crosses from a renderer


class CatalogueInvalid(TemplateInvalid):
    """A catalogue cannot be read or used; it is reported like a template's own mistakes."""


class SampleNotSaved(KeyturnError):
    """A sample cannot be written to `file`; `reason` says why."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
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
        self.retry_after = (
            None if retry_after is None else min(max(0.0, retry_after), LONGEST_PAUSE)
        )
        self.not_accepted, self.down = not_accepted, down


class SendUnknown(SendRetryable):
    """The provider may have the mail, and no key tells a repeat: wait `retry_after` seconds for its
    report.
    """


class QuotaExhausted(SendFailed):
    """The provider takes no mail before `until`."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class SendRefused(SendFailed):
    """The provider never takes the mail: it refuses our `account`, or had another under this key
    (`key_used`).
    """

    def __init__(self, reason: str, *, account: bool = False, key_used: bool = False) -> None:
        super().__init__(reason)
        self.account, self.key_used = account, key_used
