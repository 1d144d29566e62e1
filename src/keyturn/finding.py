"""What a check found."""

from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail", "skip"]


class Finding(msgspec.Struct, frozen=True):
    """Holds a verdict of the doctor's.

    `fail`: people get no mail, or no answer. `warn`: they do, but something is weaker than it should be.

    `mend` is a sentence with the command, the setting or the DNS record; only "ok" has none.
    """

    check: str
    verdict: Verdict
    message: str
    mend: str = ""


def ok(message: str) -> Finding:
    """Return a finding of a check that the doctor names itself, as the next two."""
    return Finding("", "ok", message)


def warn(message: str, mend: str) -> Finding:
    return Finding("", "warn", message, mend)


def fail(message: str, mend: str) -> Finding:
    return Finding("", "fail", message, mend)
