"""A mail as a screen reader reads it aloud: headings, links by name, images by alternative text.

It follows the HTML Accessibility API Mappings 1.0 and Accessible Name and Description Computation 1.2. Screen readers
differ in words, not in content and order.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import NOT_SHOWN, Element, Text
from keyturn.studio.lint.finding import Place

PhraseKind = Literal[
    "text", "heading", "link", "image", "table", "list", "item", "landmark", "silent-image", "nameless-link"
]

_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE)
_INLINE = frozenset(
    ("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q",
     "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "center")
)  # fmt: skip
_HEADING = re.compile(r"h([1-6])")
_LANDMARKS = {"header": "banner", "footer": "content information", "main": "main", "nav": "navigation"}
_LAYOUT = ("presentation", "none")


class Saying(Struct, frozen=True):
    """A phrase that is read aloud.

    `level`: of a heading. `about`: more on the words, such as the target of a link. `language`: empty if the mail has
    none. `place`: its line in the templates, or None if unknown.
    """

    kind: PhraseKind
    words: str
    place: Place | None
    level: int = 0
    about: str = ""
    language: str = ""


PlaceOf = Callable[[Element], Place | None]
"""Returns the place in the templates of a rendered element."""


def read_aloud(root: Element, place_of: PlaceOf = lambda _: None) -> list[Saying]:
    reader = _Reader(place_of)
    reader.read(root.find("body") or root, _language_above(root))
    return list(reader.sayings())


class _Reader:
    """Collects phrases. A text continues until something ends the line."""

    def __init__(self, place_of: PlaceOf) -> None:
        self._place_of = place_of
        self._sayings: list[Saying] = []
        self._line: list[str] = []
        self._at: tuple[Element, str] | None = None

    def sayings(self) -> Iterator[Saying]:
        self._end_line()
        yield from self._sayings

    def read(self, element: Element, language: str) -> None:
        for node in element.nodes:
            if isinstance(node, Text):
                self._line.append(node.text)
                self._at = self._at or (element, language)
            elif not _is_silent(node):
                self._read_element(node, node.get("lang") or language)

    def _read_element(self, element: Element, language: str) -> None:
        if element.tag == "img":
            return self._read_image(element, language)
        if element.tag == "a" and element.get("href"):
            return self._read_link(element, language)
        if level := _heading_level(element):
            return self._say("heading", _name(element), element, language, level=level)
        if element.tag in ("br", "hr"):
            return self._end_line()
        inline = element.tag in _INLINE
        if not inline:
            self._end_line()
            self._announce(element, language)
        self.read(element, language)
        if not inline:
            self._end_line()
        return None

    def _announce(self, element: Element, language: str) -> None:
        """Announce a table of data, a list, an entry or a part of the page."""
        if element.tag == "table" and element.get("role") not in _LAYOUT:
            caption = element.get("aria-label") or next(
                (_name(one) for one in element.children if one.tag == "caption"), ""
            )
            self._say("table", caption, element, language, about=_extent(element))
        elif element.tag in ("ul", "ol") and element.get("role") not in _LAYOUT:
            count = sum(one.tag == "li" for one in element.children)
            self._say("list", "", element, language, about=f"{count} {'entry' if count == 1 else 'entries'}")
        elif element.tag == "li":
            self._say("item", "", element, language)
        elif name := _part_of_page(element):
            self._say("landmark", element.get("aria-label"), element, language, about=name)

    def _read_link(self, link: Element, language: str) -> None:
        name, address = link.get("aria-label") or _name(link), link.get("href").strip()
        kind: PhraseKind = "link" if name else "nameless-link"
        self._say(kind, name or address, link, language, about=address if name else "")

    def _read_image(self, image: Element, language: str) -> None:
        name = image.get("aria-label") or image.get("alt").strip()
        if name:
            self._say("image", name, image, language)
        elif "alt" not in image.attributes and image.get("role") not in _LAYOUT:
            self._say("silent-image", image.get("src").rpartition("/")[2][:80], image, language)

    def _say(
        self, kind: PhraseKind, words: str, element: Element, language: str, *, level: int = 0, about: str = ""
    ) -> None:
        self._end_line()
        place = self._place_of(element)
        self._sayings.append(Saying(kind, words, place, level=level, about=about, language=language))

    def _end_line(self) -> None:
        words = " ".join("".join(self._line).split())
        if words.strip("\u200c\u034f\u00ad ") and self._at:
            element, language = self._at
            self._join_item(Saying("text", words, self._place_of(element), language=language))
        self._line, self._at = [], None

    def _join_item(self, text: Saying) -> None:
        """Add a text, joined with the mark of its list entry if it is the first there."""
        if self._sayings and self._sayings[-1].kind == "item" and not self._sayings[-1].words:
            self._sayings[-1] = replace(self._sayings[-1], words=text.words, language=text.language)
        else:
            self._sayings.append(text)


def _is_silent(element: Element) -> bool:
    return (
        element.tag in NOT_SHOWN
        or "hidden" in element.attributes
        or element.get("aria-hidden").lower() == "true"
        or bool(_HIDDEN.search(element.get("style")))
    )


def _name(element: Element) -> str:
    parts, waiting = list[str](), element.nodes[::-1]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Text):
            parts.append(node.text)
        elif not _is_silent(node):
            parts.append(f" {node.get('alt')} " if node.tag == "img" else " " if node.tag == "br" else "")
            waiting += reversed(node.nodes)
    return " ".join("".join(parts).split())


def _heading_level(element: Element) -> int:
    if match := _HEADING.fullmatch(element.tag):
        return int(match[1]) if element.get("role") not in _LAYOUT else 0
    level = element.get("aria-level")
    return (int(level) if level.isdecimal() and len(level) == 1 else 2) if element.get("role") == "heading" else 0


def _part_of_page(element: Element) -> str:
    """Return the name of a part of the page; empty if a screen reader does not announce it."""
    by_tag, role = _LANDMARKS.get(element.tag, ""), element.get("role")
    if role in _LAYOUT or not (by_tag or element.get("aria-label")):
        return ""
    return element.get("aria-roledescription") or role or by_tag


def _extent(table: Element) -> str:
    rows = [one for one in table.walk() if one.tag == "tr"]
    columns = max((sum(cell.tag in ("td", "th") for cell in row.children) for row in rows), default=0)
    return f"{len(rows)} rows, {columns} columns"


def _language_above(root: Element) -> str:
    html = root.find("html")
    body = root.find("body")
    return (body.get("lang") if body else "") or (html.get("lang") if html else "")
