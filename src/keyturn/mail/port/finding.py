"""The result of a check."""

from functools import partial
from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail", "skip"]


class Finding(msgspec.Struct, frozen=True):
    """A result of the doctor.

    "fail": users get no mail or no answer. `fix`: what to do; only "ok" has none.
    """

    check: str
    verdict: Verdict
    message: str
    fix: str = ""


ok, warn, fail = (
    partial(Finding, "", "ok"),
    partial(Finding, "", "warn"),
    partial(Finding, "", "fail"),
)
"""Findings that the doctor labels with the check's name: of a message, and of its fix."""
