"""The links of a mail, from both of its parts. They are read, never fetched: a GET on a reset link may use it up."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+")
_MAIL_ADDRESS = re.compile(r"[^\s<>\"(),;:]+@[^\s<>\"(),;:]+\.\w+")
_CLOSING = ".,;:!?)]»”"


@dataclass(frozen=True, slots=True)
class Link:
    """`label` is what a reader sees of it in the HTML; `times` it is found there."""

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

    A mailto link is in the text too if the text names its address.
    """
    anchors = _Anchors()
    anchors.feed(html)
    anchors.close()
    in_text = dict.fromkeys(match.rstrip(_CLOSING) for match in _ADDRESS.findall(text))
    named = {f"mailto:{address}" for address in _MAIL_ADDRESS.findall(text)}
    found: dict[str, list[str]] = {}
    for address, label in anchors.found:
        found.setdefault(address, []).append(label)
    both = [
        Link(address, next(filter(None, labels), ""), len(labels), address in in_text or address.split("?")[0] in named)
        for address, labels in found.items()
    ]
    return both + [Link(address, "", 0, in_text=True) for address in in_text if address not in found]


class _Anchors(HTMLParser):
    """Collects `(href, label)`. An image's label is its alternative text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._href: str | None = None
        self._label: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and (values.get("href") or "").strip():
            self._href, self._label = (values["href"] or "").strip(), []
        elif tag == "img" and self._href:
            self._label.append(values.get("alt") or "")

    def handle_data(self, data: str) -> None:
        self._label.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._href:
            self.found.append((self._href, " ".join(" ".join(self._label).split())))
            self._href = None
