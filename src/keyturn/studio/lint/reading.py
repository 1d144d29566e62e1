"""A mail as a screen reader reads it aloud (HTML Accessibility API Mappings 1.0, Accessible Name
Computation 1.2).
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal

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


def read_aloud(root: Element, place_of: PlaceOf = lambda _: None) -> list[Saying]:
    """Return the phrases.

    A text continues until something ends the line; the first text of a list entry joins the phrase
    of the entry.
    """
    sayings, line = list[Saying](), list[tuple[str, Element, str]]()
    above = (root.find("body"), root.find("html"))
    body, language = (
        above[0] or root,
        next((one.get("lang") for one in above if one and one.get("lang")), ""),
    )
    waiting: list[tuple[Element | Text | Saying, Element, str]]
    waiting = [(node, body, language) for node in (_END_OF_LINE, *reversed(body.nodes))]
    while waiting:
        node, element, language = waiting.pop()
        if isinstance(node, Text):
            line.append((node.text, element, language))
        elif isinstance(node, Saying):
            words = " ".join("".join(text for text, *_ in line).split())
            if words.strip("\u200c\u034f\u00ad "):
                _, within, of_text = line[0]
                if sayings and sayings[-1].kind == "item" and not sayings[-1].words:
                    sayings[-1] = replace(sayings[-1], words=words, language=of_text)
                else:
                    sayings.append(Saying("text", words, place_of(within), language=of_text))
            line = []
            sayings += (
                ()
                if node is _END_OF_LINE
                else (replace(node, place=place_of(element), language=language),)
            )
        elif not _is_silent(node):
            language = node.get("lang") or language
            waiting += [(part, node, language) for part in reversed(_parts(node))]
    return sayings


def _parts(element: Element) -> Sequence[Element | Text | Saying]:
    """Return what is read of an element: a phrase, or its nodes between ends of lines, the first an
    announcement.
    """
    tag, label = element.tag, element.get("aria-label")
    if tag == "img":
        if name := label or element.get("alt").strip():
            return (Saying("image", name),)
        is_silent = "alt" not in element.attributes and element.get("role") not in _LAYOUT
        return (
            (Saying("silent-image", element.get("src").rpartition("/")[2][:80]),)
            if is_silent
            else ()
        )
    if tag == "a" and element.get("href"):
        name, address = label or _name(element), element.get("href").strip()
        return (Saying("link", name, about=address) if name else Saying("nameless-link", address),)
    if level := _heading_level(element):
        return (Saying("heading", _name(element), level=level),)
    if tag in ("br", "hr"):
        return (_END_OF_LINE,)
    return (
        element.nodes
        if tag in IN_A_LINE
        else (_announcement(element), *element.nodes, _END_OF_LINE)
    )


def _announcement(element: Element) -> Saying:
    """Return what announces a table of data, a list or an entry, and ends the line before it."""
    tag, is_layout = element.tag, element.get("role") in _LAYOUT
    if tag == "table" and not is_layout:
        rows = [one for one in element.walk() if one.tag == "tr"]
        columns = max(
            (sum(cell.tag in ("td", "th") for cell in row.children) for row in rows), default=0
        )
        caption = next((one.text() for one in element.children if one.tag == "caption"), "")
        return Saying(
            "table",
            element.get("aria-label") or caption,
            about=f"{len(rows)} rows, {columns} columns",
        )
    if tag in ("ul", "ol") and not is_layout:
        count = sum(one.tag == "li" for one in element.children)
        return Saying("list", "", about=f"{count} {'entry' if count == 1 else 'entries'}")
    return Saying("item", "") if tag == "li" else _END_OF_LINE


def _is_silent(element: Element) -> bool:
    return (
        element.tag in NOT_SHOWN
        or "hidden" in element.attributes
        or element.get("aria-hidden").lower() == "true"
        or bool(_HIDDEN.search(element.get("style")))
    )


def _name(element: Element) -> str:
    """Return the words of what is read in it."""
    spoken = (
        one.words
        for one in read_aloud(element)
        if one.kind in ("text", "item", "heading", "link", "image")
    )
    return " ".join(" ".join(spoken).split())


def _heading_level(element: Element) -> int:
    if match := _HEADING.fullmatch(element.tag):
        return int(match[1]) if element.get("role") not in _LAYOUT else 0
    level = element.get("aria-level")
    return (
        (int(level) if level.isdecimal() and len(level) == 1 else 2)
        if element.get("role") == "heading"
        else 0
    )
