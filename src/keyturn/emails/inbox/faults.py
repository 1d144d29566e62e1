"""Simulated failures: the inbox refuses, waits or hangs up, to test an app."""

import random
import threading
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Step = Literal["connect", "auth", "mail", "rcpt", "data"]
"""The step of the dialogue: the greeting, the log-in, MAIL FROM, RCPT TO, the end of DATA."""

MOST_FAULTS = 50

_TEXTS = {
    421: "4.3.2 Service not available",
    450: "4.2.1 Mailbox busy",
    451: "4.3.0 Local error in processing",
    452: "4.3.1 Insufficient system storage",
    454: "4.7.0 Temporary authentication failure",
    535: "5.7.8 Authentication credentials invalid",
    550: "5.1.1 No such mailbox",
    552: "5.3.4 Message too big",
    554: "5.7.1 Message refused",
}


class SmtpFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One failure at a step.

    The inbox waits `delay` seconds, then hangs up (`drop`) or refuses with the reply `code`; without both it goes on.

    `to`: a part of the recipient. Empty: every recipient.
    `times`: how often it happens. None: always.
    `probability`: in percent.
    """

    at: Step = "data"
    code: Annotated[int, Meta(ge=400, le=599)] | None = None
    delay: Annotated[float, Meta(ge=0, le=60)] = 0.0
    drop: bool = False
    to: Annotated[str, Meta(max_length=320)] = ""
    times: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    probability: Annotated[int, Meta(ge=0, le=100)] = 100

    @property
    def reply(self) -> str:
        """The SMTP line of the refusal (RFC 5321, 4.2; codes of RFC 3463)."""
        assert self.code  # only faults that refuse have a reply
        return f"{self.code} {_TEXTS.get(self.code, f'{self.code // 100}.0.0 Refused')}, as requested"


class SmtpFaults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[SmtpFault, int | None]] = []

    def set(self, *faults: SmtpFault) -> None:
        with self._lock:
            self._left = [(fault, fault.times) for fault in faults]

    def all(self) -> list[SmtpFault]:
        """Return the remaining faults, with how often they will happen."""
        with self._lock:
            return [msgspec.structs.replace(fault, times=left) for fault, left in self._left]

    def happening(self, step: Step, *recipients: str) -> SmtpFault | None:
        with self._lock:
            for place, (fault, left) in enumerate(self._left):
                if fault.at != step or (fault.to and not any(fault.to.lower() in one.lower() for one in recipients)):
                    continue
                if random.randrange(100) >= fault.probability:  # noqa: S311 - no secret
                    continue
                if left == 1:
                    del self._left[place]
                elif left:
                    self._left[place] = fault, left - 1
                return fault
        return None
