"""The result of a check of the doctor."""

from functools import partial
from typing import Literal

import msgspec

CheckVerdict = Literal["ok", "warn", "fail", "skip"]


class CheckResult(msgspec.Struct, frozen=True):
    """A result of the doctor.

    `verdict`: "fail" means that users get no mail or no answer.
    `fix`: what to do; only "ok" has none.
    """

    check: str
    verdict: CheckVerdict
    message: str
    fix: str = ""


# Make a finding of a message and its fix. The doctor adds the name of the check.
ok = partial(CheckResult, "", "ok")
warn = partial(CheckResult, "", "warn")
fail = partial(CheckResult, "", "fail")
skip = partial(CheckResult, "", "skip")
