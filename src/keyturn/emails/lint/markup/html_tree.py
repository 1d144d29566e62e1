"""A mail's HTML as a tree: what a client draws, with the text that stands in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_ENDED_BY_ITS_LIKE = frozenset(("dd", "dt", "li", "option", "p", "td", "th", "tr"))
DEEPEST = 128
"""What stands in more elements is drawn beside the innermost, as in browsers from 512 on: unclosed tags pile up."""

NOT_SHOWN = frozenset(("head", "style", "script", "title", "template", "noscript"))


@dataclass(slots=True, eq=False)
class Node:
    tag: str
    attributes: dict[str, str]
    parent: "Node | None" = None
    children: "list[Node | str]" = field(default_factory=list)

    def elements(self) -> "list[Node]":
        return [child for child in self.children if isinstance(child, Node)]

    def elder_siblings(self) -> "list[Node]":
        siblings = self.parent.elements() if self.parent else [self]
        return siblings[: siblings.index(self)]

    def walk(self) -> "Iterator[Node]":
        """Yield the node and all below it, in the order of the source."""
        waiting = [self]  # and no recursion: each step of it would pass through all the elements above
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.elements())

    def text(self) -> str:
        """Return all text below, with an image's alternative text in its place, in one line."""
        return " ".join("".join(self.pieces()).split())

    def own_text(self) -> str:
        return " ".join("".join(child for child in self.children if isinstance(child, str)).split())

    def pieces(self) -> Iterator[str]:
        """Yield the text below, piece by piece."""
        waiting: list[Node | str] = [self]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                yield one
                continue
            if one.tag == "br":
                yield " "
            if one.tag == "img":
                yield one.attributes.get("alt", "")
            waiting += (
                child for child in reversed(one.children) if isinstance(child, str) or child.tag not in NOT_SHOWN
            )


def ended_by(tag: str, start_tag: str) -> bool:
    """Tell whether an element whose end tag may be left out ends where a start tag stands (HTML, 13.1.2.4)."""
    return tag in _ENDED_BY_ITS_LIKE and (tag == start_tag or {tag, start_tag} in ({"td", "th"}, {"dd", "dt"}))


@lru_cache(4)
def draw(html: str) -> Node:
    """Return the root of the tree. Conditional comments are Outlook's alone and left out.

    Several checks draw the same mail, so the last few are kept: nobody may change a tree.
    """
    drawing = _Drawing()
    drawing.feed(html)
    drawing.close()
    return drawing.root


class _Drawing(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ended_by(self._open[-1].tag, tag):
            self._open.pop()
        node = Node(tag, {name: value or "" for name, value in reversed(attrs)}, self._open[-1])
        self._open[-1].children.append(node)
        if tag not in VOID and len(self._open) < DEEPEST:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index].tag == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
