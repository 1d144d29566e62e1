"""The requests of a soak, and the mails that they owe. Pure functions."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice

import msgspec

from benchmarks.load.messages import Request
from benchmarks.peers import LINKS

PACE = 60
"""Requests a second that one core can answer while it also sends mails and hashes."""

_RESET_EACH = 120
"""One in this many requests is a reset while links last. A reset takes a core a fifth of a second."""

_PATTERN = ("known", "unknown", "validate", "known", "unknown", "validate", "known", "unknown", "validate", "known")
_OWES = {"known": "password_reset", "reset": "password_changed"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The mails and refusals of a soak. `refused` counts requests by failing status; 0 stands for no answer."""

    owed: int
    sent: int
    lost: int
    doubled: int
    unasked: int
    refused: dict[int, int]

    def faults(self) -> list[str]:
        shown = {
            "mails were lost": self.lost,
            "mails came again": self.doubled,
            "mails came without a request": self.unasked,
            "requests were refused": sum(self.refused.values()),
        }
        return [f"{count} {what}" for what, count in shown.items() if count]


def kinds(count: int) -> list[str]:
    """Return the kinds of `count` requests, in order."""
    found = list(islice(cycle(_PATTERN), count))
    for number, place in enumerate(range(_RESET_EACH - 1, count, _RESET_EACH)):
        found[place] = "reset" if number < LINKS else "validate"
    return found


def mixture(asked: Mapping[str, Sequence[Request]], kinds: Sequence[str]) -> Iterator[Request]:
    """Yield a request for each kind. A known address or a reset is used once, since each owes one mail."""
    sources = {name: iter(requests) if name in _OWES else cycle(requests) for name, requests in asked.items()}
    for kind in kinds:
        yield next(sources[kind])


def outcome(kinds: Sequence[str], emails: Mapping[str, str], answers: Sequence[int], sent: Sequence[str]) -> Outcome:
    """Compare the mails that the answers promised with the mails that were sent.

    `emails`: the address pattern of each kind that owes a mail, with braces for its number.
    `answers`: the statuses of the requests, in the order of `kinds`.
    `sent`: a line for each mail: its address and kind.
    """
    numbers = Counter[str]()
    owed = Counter[str]()
    for kind, status in zip(kinds, answers, strict=True):
        if kind in _OWES and 200 <= status < 300:
            owed[f"{emails[kind].format(numbers[kind])} {_OWES[kind]}"] += 1
        numbers[kind] += 1
    came = Counter(sent)
    return Outcome(
        owed=owed.total(),
        sent=came.total(),
        lost=(owed - came).total(),
        doubled=sum(count - 1 for count in came.values()),
        unasked=sum(1 for line in came if line not in owed),
        refused=dict(Counter(status for status in answers if not 200 <= status < 300)),
    )
