"""What a string is, by how it looks: what takes its place must be of the same kind, or the mail breaks for nothing."""

import re
from typing import Literal

Kind = Literal["link", "address", "code", "text"]

_LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]+")
_CODE = re.compile(
    r"""
      \#[0-9a-f]{3,8}                                       # a colour
    | [+-]?\d+(?:[.,:]\d+)*\s?(?:px|%|em|rem|pt)?           # a number, a size, a time
    | \d{4}-\d\d-\d\d(?:[t ][\d:.]+(?:z|[+-][\d:]+)?)?      # a date
    | -?p(?:t?\d+[a-z])+                                    # a duration
    | [a-z]{2}(?:[-_][a-z]{2})? | ltr | rtl                 # a language, a direction
    | (?:tel|cid|data|sms):\S+ | \.{0,2}/\S* | \S+\.(?:png|jpe?g|gif|svg|webp)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def kind_of(text: str) -> Kind:
    """Return what `text` is. "code" is what a program reads and a person does not: a colour, a size, a file."""
    for kind, matches in (("link", _LINK.fullmatch), ("address", _ADDRESS.fullmatch), ("code", _CODE.fullmatch)):
        if matches(text):
            return kind  # type: ignore[return-value]
    return "text"
