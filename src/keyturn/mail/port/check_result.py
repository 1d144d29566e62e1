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


# Each makes a result of a message and, unless it is ok, a fix. The doctor adds the check's name.
ok = partial(CheckResult, "", "ok")
warn = partial(CheckResult, "", "warn")
fail = partial(CheckResult, "", "fail")
skip = partial(CheckResult, "", "skip")
