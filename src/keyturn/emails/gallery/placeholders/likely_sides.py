"""Which side of a switch a mail is likely about, by its name: a confirmation is not about what was cancelled."""

import re
from collections.abc import Iterable
from typing import Any

_GONE_WRONG = (
    "abandon", "block", "bounc", "cancel", "closed", "decline", "delay", "delet", "denied", "disput", "error", "expir",
    "fail", "invalid", "late", "lost", "miss", "overdue", "past_due", "refund", "refus", "reject", "remov", "return",
    "revok", "suspend", "unpaid", "unsubscrib", "void", "withdraw",
)  # fmt: skip
"""Beginnings of words for what rarely happens; a mail that is about one says so in its name."""

_STEM = 5
"""So many letters in common make words the same: "confirmed" and "confirmation"."""


def likeliest(options: Iterable[Any], mail: str) -> Any:
    """Return the likeliest of the constants that a value is compared with, the first among equals."""
    return max(options, key=lambda option: _score(str(option), mail))


def is_unlikely(name: str, mail: str) -> bool:
    """Tell whether a yes to a name says that something went wrong, in a mail that is not about it."""
    return _score(name, mail) < 0


def _score(option: str, mail: str) -> int:
    words, of_mail = _words(option), _words(mail)
    if any(_same(word, other) for word in words for other in of_mail):
        return 1
    return -1 if any(word.startswith(_GONE_WRONG) for word in words) or option.lower() in _GONE_WRONG else 0


def _words(text: str) -> list[str]:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]


def _same(word: str, other: str) -> bool:
    return word == other or (len(word) >= _STEM and len(other) >= _STEM and word[:_STEM] == other[:_STEM])
