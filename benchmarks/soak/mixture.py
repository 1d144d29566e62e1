"""What is asked during a soak, and what must have come of it: pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice

import msgspec

from benchmarks.load.messages import Request
from benchmarks.peers import LINKS

PACE = 60
"""Requests a second: what a core can answer beside what it mails and hashes."""

_RESET_EACH = 120
"""Of so many requests one is a reset, while there are links: it takes a fifth of a second of a core."""

_PATTERN = ("known", "unknown", "validate", "known", "unknown", "validate", "known", "unknown", "validate", "known")
_OWES = {"known": "password_reset", "reset": "password_changed"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a soak. `refused` counts the statuses that are no success; 0 is no answer."""

    owed: int
    sent: int
    lost: int
    doubled: int
    unasked: int
    refused: dict[int, int]

    def faults(self) -> list[str]:
        told = {
            "mails were lost": self.lost,
            "mails came again": self.doubled,
            "mails came that nobody was owed": self.unasked,
            "requests were refused": sum(self.refused.values()),
        }
        return [f"{count} {what}" for what, count in told.items() if count]


def kinds(count: int) -> list[str]:
    """Return what kind each of so many requests is of."""
    found = list(islice(cycle(_PATTERN), count))
    for number, place in enumerate(range(_RESET_EACH - 1, count, _RESET_EACH)):
        found[place] = "reset" if number < LINKS else "validate"
    return found


def mixture(asked: Mapping[str, Sequence[Request]], kinds: Sequence[str]) -> Iterator[Request]:
    """Yield a request for each kind. There must be as many known addresses and resets: each owes one mail."""
    sources = {name: iter(requests) if name in _OWES else cycle(requests) for name, requests in asked.items()}
    for kind in kinds:
        yield next(sources[kind])


def outcome(kinds: Sequence[str], emails: Mapping[str, str], answers: Sequence[int], sent: Sequence[str]) -> Outcome:
    """Compare what was promised with what was sent.

    `emails` are those of the kinds that owe a mail, with the number of the address in braces; each line of `sent` is
    an address and the kind of the mail.
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
