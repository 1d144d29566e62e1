"""The elements of a mail's MJML, with the offsets of all they are made of."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Attribute(NamedTuple):
    """`value` has its character references resolved; `offset` is that of the name, `value_offset` of the value."""

    value: str
    offset: int
    value_offset: int


@dataclass(eq=False, slots=True)
class Element:
    """An element of the MJML. All offsets count characters of `Document.markup`.

    `offset` is that of its start tag and `end` is behind its end tag. `inner` is what stands between the two.
    Elements whose content is HTML (mj-text, mj-button, mj-table, mj-raw, ...) or plain text (mj-title, mj-style) have
    no children: their content is `document.inside(element)`, and the start tags in it are `tags`.
    `texts` are the offsets of text that stands between the children. `number` is unique in a document.
    """

    tag: str
    number: int
    offset: int
    parent: "Element | None" = None
    attributes: dict[str, Attribute] = field(default_factory=dict)
    children: "list[Element]" = field(default_factory=list)
    tags: "list[HtmlTag]" = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    inner: range = range(0)
    end: int = 0

    def get(self, name: str, default: str = "") -> str:
        return self.attributes[name].value if name in self.attributes else default

    def walk(self) -> "Iterator[Element]":
        """Yield the element and all that is in it, in the order of their start tags."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)

    def find(self, tag: str) -> "Element | None":
        return next((element for element in self.walk() if element.tag == tag), None)

    def ancestors(self) -> "Iterator[Element]":
        """Yield the parent, its parent, and so on, without the root that holds the whole document."""
        element = self.parent
        while element and element.tag:
            yield element
            element = element.parent


class HtmlTag(NamedTuple):
    """A start tag in the HTML that an element holds."""

    tag: str
    offset: int


Broken = Literal[
    "unclosed-tag", "stray-closing-tag", "misspelt-closing-tag", "unfinished-tag", "malformed-tag", "missing-space",
    "unclosed-quote", "unquoted-value", "quote-in-value", "duplicate-attribute", "unclosed-comment",
    "malformed-comment", "conditional-comment", "misplaced-comment", "cdata", "declaration", "bare-less-than",
]  # fmt: skip


class SyntaxFault(NamedTuple):
    """A place where the MJML is not well-formed: `tag` is the element, `detail` what the kind of fault needs."""

    kind: Broken
    offset: int
    tag: str = ""
    detail: str = ""


class Parsed(NamedTuple):
    root: Element
    faults: tuple[SyntaxFault, ...]
