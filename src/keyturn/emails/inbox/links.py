"""The links of a mail, from both of its parts. They are read, never fetched: a GET on a reset link may use it up."""

import re
from dataclasses import dataclass

from keyturn.mail.rendering.html_tree import parse_html

_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+")
_MAIL_ADDRESS = re.compile(r"[^\s<>\"(),;:@]{1,64}@[^\s<>\"(),;:@]{1,255}\.\w{1,63}")  # RFC 5321, 4.5.3.1
_CLOSING = ".,;:!?)]»”"


@dataclass(frozen=True, slots=True)
class Link:
    """Describes a link of a captured mail.

    `label` is what a reader sees of it in the HTML; `times` it is found there.
    """

    address: str
    label: str
    times: int
    in_text: bool

    @property
    def in_html(self) -> bool:
        return self.times > 0

    @property
    def in_both(self) -> bool:
        return self.in_html and self.in_text


def links_of(html: str, text: str) -> list[Link]:
    """Return every address once, in the order of the HTML; what only the text has comes last.

    An image's label is its alternative text. A mailto link is in the text too if the text names its address.
    """
    in_text = dict.fromkeys(match.rstrip(_CLOSING) for match in _ADDRESS.findall(text))
    named = {f"mailto:{address}" for address in _MAIL_ADDRESS.findall(text)}
    found: dict[str, list[str]] = {}
    for link in (element for element in parse_html(html).walk() if element.tag == "a"):
        if address := link.get("href").strip():
            found.setdefault(address, []).append(link.text())
    both = [
        Link(address, next(filter(None, labels), ""), len(labels), address in in_text or address.split("?")[0] in named)
        for address, labels in found.items()
    ]
    return both + [Link(address, "", 0, in_text=True) for address in in_text if address not in found]
