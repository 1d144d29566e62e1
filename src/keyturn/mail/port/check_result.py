"""The result of a check."""

from functools import partial
from typing import Literal

import msgspec

CheckVerdict = Literal["ok", "warn", "fail", "skip"]


class CheckResult(msgspec.Struct, frozen=True):
    """A result of the doctor.

    "fail": users get no mail or no answer. `fix`: what to do; only "ok" has none.
    """

    check: str
    verdict: CheckVerdict
    message: str
    fix: str = ""


ok, warn, fail = (
    partial(CheckResult, "", "ok"),
    partial(CheckResult, "", "warn"),
    partial(CheckResult, "", "fail"),
)
"""Findings that the doctor labels with the check's name: of a message, and of its fix."""
