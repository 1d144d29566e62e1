"""Parses HTML as forgivingly as a browser into a tree with the offset of every tag, attribute and text."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from html.entities import html5
from html.parser import HTMLParser
from itertools import accumulate
from typing import NamedTuple

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
NOT_SHOWN = frozenset(("head", "style", "script", "title", "template", "noscript"))
_IN_A_LINE = frozenset((
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "em", "font", "i", "img", "kbd", "mark", "q", "s",
    "samp", "small", "span", "strong", "sub", "sup", "u", "wbr",
))  # fmt: skip
_IN_A_CELL = frozenset(("td", "th"))
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
_OPAQUE = frozenset(
    ("iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "textarea", "title", "xmp")
)
"""Elements that HTMLParser reads in a special way, which differs between versions."""
_ENDED_BY_ITS_LIKE = frozenset(("dd", "dt", "li", "option", "p", "td", "th", "tr"))
_DEEPEST = 128
"""Elements nested deeper become siblings of the innermost, as in browsers from 512 on: unclosed tags pile up."""

_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|(?!["'])([^\s>]+)))?""")
_NAME = re.compile(r"<[^\s/>]+")
_PLAIN_TAG = re.compile(
    r"""<([a-zA-Z][a-zA-Z0-9-]*)((?:[ \t\r\n]+[a-zA-Z][a-zA-Z0-9:-]*="[^"]*")*+)[ \t\r\n]*+(/?)>""", re.ASCII
)
"""A start tag in the usual form, without errors to forgive."""
_PLAIN_END_TAG = re.compile(r"</([a-zA-Z][a-zA-Z0-9-]*)>")


_REFERENCE = re.compile(r"&(?:#(?:[xX][0-9a-fA-F]+|[0-9]+);?|([a-zA-Z][a-zA-Z0-9]*+)(?:;|(?!=)))")


class Attribute(NamedTuple):
    """An attribute and its offsets.

    `value` has its character references resolved; it is empty for an attribute without a value.

    `offset`: start of the name. `value_offset`: start of the value, after a quote; without a value, that of the name.
    `end`: after the whole attribute, including the closing quote.
    """

    value: str
    offset: int
    value_offset: int
    end: int


class Text(NamedTuple):
    """A text between tags, with its character references resolved, and its offset."""

    text: str
    offset: int


@dataclass(eq=False, slots=True)
class Element:
    """An element of HTML or MJML. All offsets count characters of the source that the tree was read from.

    `offset`: start of its start tag. `end`: after its end tag. `inner`: the range between the two tags.
    `nodes`: its texts and elements. `children`: its elements alone. `number`: unique in a tree, counts start tags.
    The root, which holds all top-level nodes, has number 0 and an empty tag.
    """

    tag: str
    number: int
    offset: int
    parent: "Element | None" = None
    attributes: dict[str, Attribute] = field(default_factory=dict)
    nodes: "list[Element | Text]" = field(default_factory=list)
    children: "list[Element]" = field(default_factory=list)
    inner: range = range(0)
    end: int = 0

    def add(self, child: "Element") -> "Element":
        """Append an element and return it."""
        child.parent = self
        self.nodes.append(child)
        self.children.append(child)
        return child

    def close(self, stop: int, end: int) -> None:
        """Set the start and the end of the end tag."""
        self.inner, self.end = range(self.inner.start, stop), end

    @property
    def behind_name(self) -> int:
        """The offset after the name in its start tag."""
        return self.offset + 1 + len(self.tag)

    def get(self, name: str) -> str:
        """Return the value of an attribute, "" if it is missing."""
        return self.attributes[name].value if name in self.attributes else ""

    def find(self, tag: str) -> "Element | None":
        return next((element for element in self.walk() if element.tag == tag), None)

    def walk(self) -> "Iterator[Element]":
        """Yield the element and all elements in it, in the order of their start tags."""
        waiting = [self]  # not recursive: each item would pass through all the elements above
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)

    def below(self, without: frozenset[str] = frozenset()) -> "Iterator[Element | Text]":
        """Yield all texts and elements in it, in order, without elements of the given tags and their content."""
        waiting = self.nodes[::-1]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Element):
                if node.tag in without:
                    continue
                waiting += reversed(node.nodes)
            yield node

    def ancestors(self) -> "Iterator[Element]":
        """Yield the parent, its parent, and so on, without the root."""
        element = self.parent
        while element and element.tag:
            yield element
            element = element.parent

    def elder_siblings(self) -> "list[Element]":
        siblings = self.parent.children if self.parent else [self]
        return siblings[: siblings.index(self)]

    @property
    def texts(self) -> list[Text]:
        """Its own texts, without those of its children."""
        return [node for node in self.nodes if isinstance(node, Text)]

    def text(self) -> str:
        """Return its readable text in one line, with alternative texts in place of images."""
        return " ".join(self.lines().split())

    def lines(self) -> str:
        """Return its readable text with line breaks around blocks, as browsers break lines, and tabs before cells."""
        ends: list[int] = []
        parts: list[str] = []
        for node in self.below(NOT_SHOWN):
            while ends and ends[-1] <= node.offset:
                ends.pop()
                parts.append("\n")
            if isinstance(node, Text):
                parts.append(_WHITESPACE.sub(" ", node.text))
            elif node.tag == "img":
                parts.append(f" {node.get('alt')} ")
            elif node.tag in _IN_A_CELL:
                parts.append("\t")
            elif node.tag not in _IN_A_LINE:
                parts.append("\n")
                ends.append(node.end)
        return "".join(parts)


def parse_html(html: str, base: int = 0) -> Element:
    """Return the root of the tree. Offsets begin at `base`.

    Accepts any text. Leaves comments out, and with them the parts for Outlook alone.
    """
    root = Element("", 0, base, inner=range(base, base + len(html)), end=base + len(html))
    if "<" in html or "&" in html:
        parser = _Parser(html, root)
        parser.feed(html)
        parser.close()
    elif html:
        root.nodes.append(Text(html, base))  # most texts of a mail; a parser takes a hundred times as long
    return root


def attribute_value(written: str) -> str:
    """Return the value of an attribute, with its character references resolved.

    A name without a semicolon is no reference if a letter, a digit or "=" follows, so `?id=1&copy=2` keeps its
    parameter (HTML, 13.2.5.73, named character reference state).
    """
    return _REFERENCE.sub(_resolve, written) if "&" in written else written


def _resolve(reference: re.Match[str]) -> str:
    named = reference[1] is not None
    return unescape(reference[0]) if not named or reference[0][1:] in html5 else reference[0]


def splice(source: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """Return the source with each change (start, stop, text) applied."""
    parts, behind = [], 0
    for start, stop, text in sorted(changes):
        parts += [source[behind:start], text]
        behind = stop
    return "".join([*parts, source[behind:]])


class _Parser(HTMLParser):
    """Builds the tree.

    An unclosed construct is text up to the end, and an unclosed comment is a comment. Many Python versions would search
    for the end of each tag again, and take hours for a megabyte of them (CVE-2025-6069).
    """

    def __init__(self, source: str, root: Element) -> None:
        super().__init__(convert_charrefs=True)
        self._source = source
        self._base = root.offset
        self._lines = list(accumulate((len(line) + 1 for line in source.split("\n")), initial=root.offset))
        self._open = [root]
        self._number = 0

    def parse_starttag(self, i: int) -> int:
        plain = _PLAIN_TAG.match(self.rawdata, i)
        if plain and plain[1].lower() not in _OPAQUE:
            return self._take_plain(plain)
        return super().parse_starttag(i) if self._ends(i) else self._take_rest(i)

    def _take_plain(self, tag: re.Match[str]) -> int:
        """Handle a plain start tag as HTMLParser would, in a third of the time."""
        name = tag[1].lower()
        self._start(name, tag[0], has_attributes=bool(tag[2]))
        if tag[3]:
            self.handle_endtag(name)
        return tag.end()

    def parse_endtag(self, i: int) -> int:
        plain = _PLAIN_END_TAG.match(self.rawdata, i)
        if plain and self.cdata_elem is None:
            self.handle_endtag(plain[1].lower())
            return plain.end()
        return super().parse_endtag(i) if self._ends(i) else self._take_rest(i)

    def parse_pi(self, i: int) -> int:
        return super().parse_pi(i) if self._ends(i) else self._take_rest(i)

    def parse_comment(self, i: int, report: bool = True) -> int:
        if self.rawdata.find("-->", i) < 0:
            return len(self.rawdata)  # as in browsers (HTML, 13.2.5.45, eof-in-comment)
        return super().parse_comment(i, report)

    def parse_html_declaration(self, i: int) -> int:
        if not self._ends(i):
            return self._take_rest(i)
        if self.rawdata.startswith("<![", i):  # CDATA, which does not exist in HTML (13.2.5.42)
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._start(tag, self.get_starttag_text() or "", has_attributes=bool(attrs))

    def _start(self, tag: str, written: str, *, has_attributes: bool) -> None:
        start = self._offset()
        behind = start + len(written)
        if _is_ended_by(self._open[-1].tag, tag):
            self._open.pop().close(start, start)
        self._number += 1
        attributes = _attributes(written, start) if has_attributes else {}
        element = self._open[-1].add(
            Element(tag, self._number, start, attributes=attributes, inner=range(behind, behind), end=behind)
        )
        if tag not in VOID and len(self._open) < _DEEPEST:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        start = self._offset()
        depth = len(self._open) - 1
        while depth and self._open[depth].tag != tag:
            depth -= 1
        if depth:
            self._close_down_to(depth + 1, start)
            closed = self._open.pop()
            end = self._base + (self._source.find(">", start - self._base) + 1 or len(self._source))
            closed.close(max(start, closed.inner.start), end)  # in <p/> both are the same tag

    def handle_data(self, data: str) -> None:
        self._open[-1].nodes.append(Text(data, self._offset()))

    def close(self) -> None:
        super().close()
        self._close_down_to(1, self._open[0].end)

    def _close_down_to(self, depth: int, end: int) -> None:
        while len(self._open) > depth:
            self._open.pop().close(end, end)

    def _ends(self, start: int) -> bool:
        return self.rawdata.find(">", start) >= 0

    def _take_rest(self, start: int) -> int:
        self.handle_data(unescape(self.rawdata[start:]))
        return len(self.rawdata)

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def _attributes(tag: str, base: int) -> dict[str, Attribute]:
    """Return a start tag's attributes; the first wins over its duplicates (HTML, 13.2.5.33)."""
    found: dict[str, Attribute] = {}
    after_name = _NAME.match(tag)
    for match in _ATTRIBUTE.finditer(tag, after_name.end() if after_name else 0):
        group = match.lastindex or 1
        value = attribute_value(match[group]) if group > 1 else ""
        found.setdefault(
            match[1].lower(), Attribute(value, base + match.start(), base + match.start(group), base + match.end())
        )
    return found


def _is_ended_by(tag: str, start_tag: str) -> bool:
    """Tell whether a start tag ends an element whose end tag is optional (HTML, 13.1.2.4)."""
    return tag in _ENDED_BY_ITS_LIKE and (tag == start_tag or {tag, start_tag} in ({"td", "th"}, {"dd", "dt"}))
