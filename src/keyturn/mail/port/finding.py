"""The result of a check of the doctor."""

from functools import partial
from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail", "skip"]


class Finding(msgspec.Struct, frozen=True):
    """A result of the doctor.

    `verdict`: "fail" means that users get no mail or no answer.
    `fix`: what to do; only "ok" has none.
    """

    check: str
    verdict: Verdict
    message: str
    fix: str = ""


# Make a finding of a message and its fix. The doctor adds the name of the check.
ok = partial(Finding, "", "ok")
warn = partial(Finding, "", "warn")
fail = partial(Finding, "", "fail")
