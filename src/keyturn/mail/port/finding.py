"""The result of a check."""

from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail", "skip"]


class Finding(msgspec.Struct, frozen=True):
    """Holds a result of the doctor.

    `fail`: users get no mail or no answer. `warn`: they do, but something is weaker than it should be.

    `fix` is a sentence with the command, the setting or the DNS record to fix it; only "ok" has none.
    """

    check: str
    verdict: Verdict
    message: str
    fix: str = ""


def ok(message: str) -> Finding:
    """Return a finding that the doctor labels with the check's name, as do the next two functions."""
    return Finding("", "ok", message)


def warn(message: str, fix: str) -> Finding:
    return Finding("", "warn", message, fix)


def fail(message: str, fix: str) -> Finding:
    return Finding("", "fail", message, fix)
