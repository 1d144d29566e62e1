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
