"""Faults on request: the inbox refuses, waits or hangs up, to see what an app makes of it."""

import random
import threading
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Step = Literal["connect", "auth", "mail", "rcpt", "data"]
"""Where in the talk it happens: the greeting, the log-in, MAIL FROM, RCPT TO, the end of DATA."""

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


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong at a step.

    The inbox waits `delay` seconds, then hangs up (`drop`) or refuses with the reply `code`; with neither it goes on.
    `to` is a part of the recipient it is for, everybody where it is empty. It happens `times` times, without end where
    that is None, and in so many of a hundred cases (`probability`).
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
        """The line of SMTP that refuses (RFC 5321, 4.2; codes of RFC 3463)."""
        assert self.code  # asked of those that refuse
        return f"{self.code} {_TEXTS.get(self.code, f'{self.code // 100}.0.0 Refused')}, as was asked for"


class Faults:
    """Keeps the faults that were asked for, from any thread, and says which of them happens now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int | None]] = []

    def set(self, *faults: Fault) -> None:
        """Put these in place of those that were there."""
        with self._lock:
            self._left = [(fault, fault.times) for fault in faults]

    def all(self) -> list[Fault]:
        """Return those that are still to happen, with how often they are."""
        with self._lock:
            return [msgspec.structs.replace(fault, times=left) for fault, left in self._left]

    def happening(self, step: Step, *recipients: str) -> Fault | None:
        """Return the first fault for this step, and count that it happened."""
        with self._lock:
            for place, (fault, left) in enumerate(self._left):
                if fault.at != step or not _is_for(fault, recipients):
                    continue
                if random.randrange(100) >= fault.probability:  # noqa: S311 - no secret
                    continue
                if left == 1:
                    del self._left[place]
                elif left:
                    self._left[place] = fault, left - 1
                return fault
        return None


def _is_for(fault: Fault, recipients: tuple[str, ...]) -> bool:
    return not fault.to or any(fault.to.lower() in recipient.lower() for recipient in recipients)
