"""A mail as a screen reader reads it aloud (HTML Accessibility API Mappings 1.0, Accessible Name
Computation 1.2).
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import IN_A_LINE, NOT_SHOWN, Element, Text
from keyturn.studio.lint.finding import Place

PhraseKind = Literal[
    "text", "heading", "link", "image", "table", "list", "item", "silent-image", "nameless-link"
]

_HIDDEN = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE
)
_HEADING = re.compile(r"h([1-6])")
_LAYOUT = ("presentation", "none")
_SPOKEN = ("text", "item", "heading", "link", "image")


class Saying(Struct, frozen=True):
    """A phrase that is read aloud, with the `level` of a heading and the target of a link
    (`about`).
    """

    kind: PhraseKind
    words: str
    place: Place | None = None
    level: int = 0
    about: str = ""
    language: str = ""


# Returns the place in the templates of a rendered element.
PlaceOf = Callable[[Element], Place | None]
_END_OF_LINE = Saying("text", "")
_NOTHING_TO_SAY = "\u200c\u034f\u00ad "  # invisible characters, which fill up preheaders


def _no_place(_: Element) -> None:
    return None


class _LineText(NamedTuple):
    """A text of the line that is being read, with the element and the language that it is in."""

    text: str
    element: Element
    language: str


class _Unread(NamedTuple):
    """A part that is still to be read, with the element and the language that it is in."""

    node: Element | Text | Saying
    element: Element
    language: str


def read_aloud(root: Element, place_of: PlaceOf = _no_place) -> list[Saying]:
    """Return the phrases.

    A text continues until something ends the line; the first text of a list entry joins the phrase
    of the entry.
    """
    phrases = _Phrases(place_of)
    body = root.find("body") or root
    language = _language_of(root)
    # No recursion: see Element.walk. The last one is read first.
    waiting = [_Unread(inner, body, language) for inner in (_END_OF_LINE, *reversed(body.nodes))]
    while waiting:
        node, element, language = waiting.pop()
        if isinstance(node, Text):
            phrases.add_text(node.text, element, language)
        elif isinstance(node, Saying):
            phrases.add(node, element, language)
        elif not _is_silent(node):
            own_language = node.get("lang") or language
            for part in reversed(_parts(node)):
                waiting.append(_Unread(part, node, own_language))
    return phrases.sayings


def _language_of(root: Element) -> str:
    for tag in ("body", "html"):
        element = root.find(tag)
        if element and element.get("lang"):
            return element.get("lang")
    return ""


class _Phrases:
    """Collects what is said, and the texts of the line that is being read."""

    def __init__(self, place_of: PlaceOf) -> None:
        self.sayings: list[Saying] = []
        self._place_of = place_of
        self._line: list[_LineText] = []

    def add_text(self, text: str, element: Element, language: str) -> None:
        self._line.append(_LineText(text, element, language))

    def add(self, saying: Saying, element: Element, language: str) -> None:
        """End the line, and add what is said after it."""
        self._end_line()
        if saying is not _END_OF_LINE:
            place = self._place_of(element)
            self.sayings.append(replace(saying, place=place, language=language))

    def _end_line(self) -> None:
        """Add the texts of the line to a list entry that has no words yet, or as a phrase."""
        line = self._line
        self._line = []
        words = " ".join("".join(one.text for one in line).split())
        if not words.strip(_NOTHING_TO_SAY):
            return
        first = line[0]
        last = self.sayings[-1] if self.sayings else _END_OF_LINE
        if last.kind == "item" and not last.words:
            self.sayings[-1] = replace(last, words=words, language=first.language)
        else:
            place = self._place_of(first.element)
            self.sayings.append(Saying("text", words, place, language=first.language))


def _parts(element: Element) -> Sequence[Element | Text | Saying]:
    """Return what is read of an element: a phrase, or its nodes between ends of lines, the first an
    announcement.
    """
    if element.tag == "img":
        return _image(element)
    if element.tag == "a" and element.get("href"):
        return (_link(element),)
    level = _heading_level(element)
    if level:
        return (Saying("heading", _name(element), level=level),)
    if element.tag in ("br", "hr"):
        return (_END_OF_LINE,)
    if element.tag in IN_A_LINE:
        return element.nodes
    return (_announcement(element), *element.nodes, _END_OF_LINE)


def _image(element: Element) -> Sequence[Saying]:
    name = element.get("aria-label") or element.get("alt").strip()
    if name:
        return (Saying("image", name),)
    if "alt" in element.attributes or _is_layout(element):
        return ()
    file_name = element.get("src").rpartition("/")[2]
    return (Saying("silent-image", file_name[:80]),)


def _link(element: Element) -> Saying:
    address = element.get("href").strip()
    name = element.get("aria-label") or _name(element)
    if name:
        return Saying("link", name, about=address)
    return Saying("nameless-link", address)


def _announcement(element: Element) -> Saying:
    """Return what announces a table of data, a list or an entry, and ends the line before it."""
    if element.tag == "li":
        return Saying("item", "")
    if _is_layout(element):
        return _END_OF_LINE
    if element.tag == "table":
        return _table(element)
    if element.tag in ("ul", "ol"):
        count = sum(one.tag == "li" for one in element.children)
        noun = "entry" if count == 1 else "entries"
        return Saying("list", "", about=f"{count} {noun}")
    return _END_OF_LINE


def _table(element: Element) -> Saying:
    rows = 0
    columns = 0
    for one in element.walk():
        if one.tag == "tr":
            rows += 1
            columns = max(columns, sum(cell.tag in ("td", "th") for cell in one.children))
    captions = (one.text() for one in element.children if one.tag == "caption")
    name = element.get("aria-label") or next(captions, "")
    return Saying("table", name, about=f"{rows} rows, {columns} columns")


def _is_layout(element: Element) -> bool:
    return element.get("role") in _LAYOUT


def _is_silent(element: Element) -> bool:
    if element.tag in NOT_SHOWN or "hidden" in element.attributes:
        return True
    if element.get("aria-hidden").lower() == "true":
        return True
    return _HIDDEN.search(element.get("style")) is not None


def _name(element: Element) -> str:
    """Return the words of what is read in it."""
    spoken = (one.words for one in read_aloud(element) if one.kind in _SPOKEN)
    return " ".join(" ".join(spoken).split())


def _heading_level(element: Element) -> int:
    """Return the level of a heading, 0 for other elements."""
    heading = _HEADING.fullmatch(element.tag)
    if heading:
        return 0 if _is_layout(element) else int(heading[1])
    if element.get("role") != "heading":
        return 0
    level = element.get("aria-level")
    if level.isdecimal() and len(level) == 1:
        return int(level)
    return 2
