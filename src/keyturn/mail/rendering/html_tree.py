"""Parses HTML and MJML as forgivingly as a browser into a tree with the offset of every tag,
attribute and text.

In MJML it also notes what the compiler refuses or misreads, and a missing tag hides as little as
possible of the rest. `html5lib` and `lxml` are declined: they have no columns, which findings need.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from html import unescape
from html.entities import html5
from operator import attrgetter, itemgetter
from typing import NamedTuple

VOID = frozenset(
    (
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    )
)
NOT_SHOWN = frozenset(("head", "style", "script", "title", "template", "noscript"))
IN_A_LINE = frozenset((
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "img",
    "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
    "time", "tt", "u", "var", "wbr",
))  # fmt: skip
_IN_A_CELL = frozenset(("td", "th"))
_WHITESPACE = re.compile(r"[ \t\r\n\f]+")
HOLD_HTML = frozenset(
    (
        "mj-accordion-text",
        "mj-accordion-title",
        "mj-breakpoint",
        "mj-button",
        "mj-carousel-image",
        "mj-navbar-link",
        "mj-preview",
        "mj-raw",
        "mj-social-element",
        "mj-style",
        "mj-table",
        "mj-text",
        "mj-title",
    )
)
"""Elements of MJML whose content is HTML or text: the ending tags of its components."""

_RAW = frozenset(("script", "style", "textarea", "title"))
"""Elements of HTML that hold text without tags (HTML, 13.1.2).

The compiler of MJML knows no such elements.
"""

_WITHOUT_COMMENTS = frozenset(
    (
        "mj-accordion-element",
        "mj-attributes",
        "mj-breakpoint",
        "mj-carousel",
        "mj-divider",
        "mj-font",
        "mj-image",
        "mj-preview",
        "mj-spacer",
        "mj-style",
        "mj-title",
    )
)
"""Elements in which the compiler, mrml, refuses comments.

Conditional comments are allowed only in elements that hold HTML.
"""

_ENDED_BY_ITS_LIKE = frozenset(("dd", "dt", "li", "option", "p", "td", "th", "tr"))
_DEEPEST = 128
"""Levels of elements. A deeper element becomes a sibling of the innermost one, since unclosed tags
pile up. Browsers do so from 512 levels on.
"""

_MARKUP_IN_HTML = re.compile(r"<(?:!--|[!?]|(?P<slash>/?)(?P<name>[A-Za-z][^\s/>]*+)?)")
_MARKUP_IN_MJML = re.compile(
    r"""<(?:!--|!\[CDATA\[|[!?]|(?P<slash>/?)(?P<name>[A-Za-z][^\s/><"'=]*+)?)"""
)
_IN_TAG = re.compile(
    r"""(?P<blank>\s*+)(?:(?P<end>/?>)"""
    r"""|(?P<name>[^\s=>/"'<]++)"""
    r"""(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|(?P<bare>[^\s"'>][^\s>]*+)|(?P<open>["'])))?"""
    r"""|(?P<junk>.))?""",
    re.DOTALL,
)
_NAME_GROUP = _IN_TAG.groupindex["name"]
_END_OF_RAW = re.compile(r"</(script|style|textarea|title)(?=[\s/>])", re.IGNORECASE)
_IN_TAG_OF_VALUE = re.compile(r"</|<mj")

COMMENT = re.compile(r"<!--(?:-?>|(?P<text>.*?)(?P<end>--!?>|\Z))", re.DOTALL)
"""A comment of HTML, which reaches to the end of the source if nothing ends it (HTML, 13.2.5.43 to
13.2.5.52).
"""

_REFERENCE = re.compile(r"&(?:#(?:[xX][0-9a-fA-F]+|[0-9]+);?|([a-zA-Z][a-zA-Z0-9]*+)(?:;|(?!=)))")


class Attribute(NamedTuple):
    """An attribute.

    `value`: with its character references resolved; "" if there is no value.
    `offset`: where the name begins.
    `value_offset`: where the value begins, after its quote; `offset` if there is no value.
    `end`: behind the whole attribute.
    """

    value: str
    offset: int
    value_offset: int
    end: int


class Text(NamedTuple):
    text: str
    offset: int


@dataclass(eq=False, slots=True)
class Element:
    """An element of HTML or MJML.

    All offsets count characters of the source that the tree was read from.

    `tag`: the name; "" for the root.
    `number`: unique in a tree, counts start tags; 0 for the root.
    `offset`: where its start tag begins.
    `nodes`: the elements and texts directly in it, in order. `children`: the elements alone.
    `inner`: the range between its two tags.
    `end`: behind its end tag.
    `holder`: the element of MJML around an element of HTML, such as mj-text.
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
    holder: "Element | None" = None

    def add(self, child: "Element") -> "Element":
        """Add an element at the end, and return it."""
        child.parent = self
        self.nodes.append(child)
        self.children.append(child)
        return child

    def close(self, stop: int, end: int) -> None:
        """Set where its end tag begins (`stop`) and ends."""
        self.inner = range(self.inner.start, stop)
        self.end = end

    @property
    def behind_name(self) -> int:
        """The offset behind the name in the start tag."""
        return self.offset + 1 + len(self.tag)

    def get(self, name: str) -> str:
        """Return the value of an attribute, "" if it is missing."""
        attribute = self.attributes.get(name)
        return attribute.value if attribute else ""

    def find(self, tag: str) -> "Element | None":
        """Return the first element of that tag."""
        return next((element for element in self.walk() if element.tag == tag), None)

    def walk(self) -> "Iterator[Element]":
        """Yield the element and all elements in it, in the order of their start tags.

        The root is left out.
        """
        # With recursion, each element would pass through the generators of all elements above it.
        waiting = [self]
        while waiting:
            element = waiting.pop()
            if element.tag:
                yield element
            waiting += reversed(element.children)

    def below(self, without: frozenset[str] = frozenset()) -> "Iterator[Element | Text]":
        """Yield all texts and elements in it, in order.

        `without`: tags of elements that are left out with all their content.
        """
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

    @property
    def texts(self) -> list[Text]:
        """The texts directly in it."""
        return [node for node in self.nodes if isinstance(node, Text)]

    def text(self) -> str:
        """Return its readable text in one line, with alternative texts in place of images."""
        return " ".join(self.lines().split())

    def lines(self) -> str:
        """Return its readable text with line breaks around blocks, as browsers break lines, and
        tabs before cells.
        """
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
            elif node.tag not in IN_A_LINE:
                parts.append("\n")
                ends.append(node.end)
        return "".join(parts)


class SyntaxFault(NamedTuple):
    """A place where MJML is malformed.

    `kind`: the name of its rule, without the rule's group.
    `detail`: depends on the kind.
    """

    kind: str
    offset: int
    tag: str = ""
    detail: str = ""


def parse_html(html: str) -> Element:
    """Return the root of the tree of any text.

    Comments are left out, and with them the parts that only Outlook shows.
    """
    return parse_markup(html, is_mjml=False)[0]


def parse_markup(source: str, *, is_mjml: bool) -> tuple[Element, tuple[SyntaxFault, ...]]:
    """Return the root of the tree of any text as HTML or MJML, and the faults of MJML.

    HTML's names are in lower case, those of MJML as they are written.
    """
    parser = _Parser(source, is_mjml=is_mjml)
    parser.read()
    return parser.root, tuple(sorted(parser.faults, key=attrgetter("offset")))


def attribute_value(written: str) -> str:
    """Return an attribute's value with its character references resolved.

    The parameter in `?id=1&copy=2` is no reference (HTML, 13.2.5.73).
    """
    return _REFERENCE.sub(_resolve, written) if "&" in written else written


def _resolve(reference: re.Match[str]) -> str:
    written = reference[0]
    is_name = reference[1] is not None
    if is_name and written[1:] not in html5:
        return written
    return unescape(written)


def splice(source: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """Return the source with each change (start, stop, text) applied.

    Of two texts for one place, the first of the `changes` comes first.
    """
    parts: list[str] = []
    behind = 0
    for start, stop, text in sorted(changes, key=itemgetter(0, 1)):
        parts += [source[behind:start], text]
        behind = stop
    return "".join([*parts, source[behind:]])


class _Parser:
    """Builds the tree in linear time.

    The end that thousands of tags wait for is searched only once (CVE-2025-6069): `_next` has the
    next offset of a text that was searched, -1 if no more follows.

    `_open`: the open elements, each under the name that closes it; the root is the first.
    `_times_open`: how many of them have a name.
    `_unclosed`: how many elements of a name were ended without an end tag of their own.
    """

    def __init__(self, source: str, *, is_mjml: bool) -> None:
        self.root = Element("", 0, 0, inner=range(len(source)), end=len(source))
        self.faults: list[SyntaxFault] = []
        self._source = source
        self._is_mjml = is_mjml
        self._open = [("", self.root)]
        self._times_open = Counter[str]()
        self._next: dict[str, int] = {}
        self._unclosed = Counter[str]()
        self._number = 0

    def read(self) -> None:
        """Read the whole source."""
        markup = _MARKUP_IN_MJML if self._is_mjml else _MARKUP_IN_HTML
        behind = 0  # the last markup
        at = 0
        while found := markup.search(self._source, at):
            start = found.start()
            if len(found[0]) == 1:  # no tag: the text goes on
                self._fault("bare-less-than", start, self._open[-1][0])
                at = start + 1
                continue
            if not self._is_mjml and found[0] != "<!--" and self._find(">", start) < 0:
                break  # nothing ends it: the rest is text
            self._text(behind, start)
            behind = at = self._markup(found)
        self._text(behind, len(self._source))
        while len(self._open) > 1:
            self._leave_open(len(self._source))

    def _markup(self, found: re.Match[str]) -> int:
        """Read a tag, a comment or a declaration; return the offset behind it."""
        start = found.start()
        if found["slash"]:
            return self._end_tag(start, found["name"] or "")
        if found["name"]:
            return self._start_tag(start, found["name"])
        if found[0] == "<!--":
            return self._comment(start)
        if found[0] == "<![CDATA[":
            self._fault("cdata", start)
            return self._behind("]]>", start)
        self._fault("declaration", start)
        return self._behind(">", start)

    def _comment(self, start: int) -> int:
        if not self._is_mjml:
            comment = COMMENT.match(self._source, start)
            return comment.end() if comment else len(self._source)
        return self._comment_of_mjml(start)

    def _comment_of_mjml(self, start: int) -> int:
        end = self._find("-->", start + 4)
        if end < 0:
            self._fault("unclosed-comment", start)
            return len(self._source)
        holder = self._holder
        allows_conditional = holder is not None and holder.tag not in _WITHOUT_COMMENTS
        is_conditional = self._source.startswith("[if", start + 4)
        if is_conditional and allows_conditional:  # the compiler copies it as it is
            return end + 3
        if self._source.find("<!--", start + 4, end) >= 0:
            self._fault("unclosed-comment", start)
            return start + 4
        element = holder or self._open[-1][1]
        if self._source.find("--", start + 4, end + 1) >= 0:  # XML 1.0, 2.5
            self._fault("malformed-comment", start)
        elif is_conditional:
            self._fault("conditional-comment", start)
        elif element.tag in _WITHOUT_COMMENTS:
            self._fault("misplaced-comment", start, element.tag)
        return end + 3

    def _text(self, start: int, end: int, *, is_raw: bool = False) -> None:
        element = self._open[-1][1]
        text = self._source[start:end]
        if self._is_mjml and not self._holder:
            start += len(text) - len(text.lstrip())
            text = f" {text.strip()} " if start < end else ""
        if text:
            element.nodes.append(Text(text if is_raw else unescape(text), start))

    def _start_tag(self, start: int, tag: str) -> int:
        """Read a start tag, and the text of an element without tags; return the offset behind."""
        holder = self._holder
        is_html = holder is not None or not self._is_mjml
        attributes, end, is_closed = self._attributes(start, tag, is_html=is_html)
        name = tag.lower() if is_html and tag.isascii() else tag
        if not self._is_mjml and _is_ended_by(self._open[-1][0], name):
            self._pop().close(start, start)
        self._number += 1
        level = min(len(self._open), _DEEPEST)
        parent = self._open[level - 1][1]
        inner = range(end, end)
        element = parent.add(
            Element(
                name, self._number, start, None, attributes, inner=inner, end=end, holder=holder
            )
        )
        if is_closed or name in VOID:
            return end
        closing_name = tag if self._is_mjml else name
        self._open.append((closing_name, element))
        self._times_open[closing_name] += 1
        if name in _RAW and not self._is_mjml:
            return self._raw_text(name, end)
        return end

    def _raw_text(self, tag: str, start: int) -> int:
        """Read up to the end tag. Without one, scripts and styles take in the rest."""
        stop = self._end_of_raw(tag, start)
        if stop < 0 and tag in ("textarea", "title"):
            return start
        if stop < 0:
            stop = len(self._source)
        self._text(start, stop, is_raw=tag in ("script", "style"))
        return stop

    def _end_of_raw(self, tag: str, start: int) -> int:
        """Return the offset of the next end tag, -1 without one."""
        if tag in self._next:
            return -1
        for end in _END_OF_RAW.finditer(self._source, start):
            if end[1].lower() == tag:
                return end.start()
        self._next[tag] = -1
        return -1

    def _attributes(
        self, start: int, tag: str, *, is_html: bool
    ) -> tuple[dict[str, Attribute], int, bool]:
        """Return a start tag's attributes, the offset behind it, and whether it closes itself."""
        attributes: dict[str, Attribute] = {}
        at = start + 1 + len(tag)
        for found in _IN_TAG.finditer(self._source, at):
            at = found.end()
            if found["end"]:
                return attributes, at, found["end"] == "/>"
            junk = found["junk"]
            if junk == "<" and self._is_mjml:  # the next tag begins
                at -= 1
                break
            if junk:
                self._fault("malformed-tag", at - 1, tag, junk)
            elif not found["name"]:  # the source ends
                break
            elif not self._add_attribute(attributes, found, tag, is_html=is_html):
                behind = self._behind(">", found.start("name"))
                return attributes, behind, self._source[behind - 2] == "/"
        self._fault("unfinished-tag", start, tag)
        return attributes, at, False

    def _add_attribute(
        self, attributes: dict[str, Attribute], found: re.Match[str], tag: str, *, is_html: bool
    ) -> bool:
        """Add an attribute. Return False, and add nothing, if its quote is open."""
        name = found["name"]
        start = found.start("name")
        group = found.lastindex or 0
        value = found[group] if group > _NAME_GROUP else ""
        if not found["blank"]:
            self._fault("missing-space", start, tag, name)
        is_quoted_in_mjml = self._is_mjml and not found["bare"]
        if found["open"] or (is_quoted_in_mjml and _IN_TAG_OF_VALUE.search(value)):
            self._fault("unclosed-quote", start, tag, name)
            return False
        if found["bare"]:
            self._fault("unquoted-value", start, tag, name)
        if '"' in value:
            self._fault("quote-in-value", start, tag, name)
        key = name.lower() if is_html else name
        value = attribute_value(value)
        known = attributes.get(key)
        if known and known.value != value:
            self._fault("duplicate-attribute", start, tag, name)
        # The first of a name counts (HTML, 13.2.5.33), in MJML the last.
        if not known or not is_html:
            attributes[key] = Attribute(value, start, found.start(group), found.end())
        return True

    def _end_tag(self, start: int, name: str) -> int:
        """Read an end tag; return the offset behind it."""
        end = self._find(">", start)
        if not self._is_mjml:
            self._close(name.lower(), start, end + 1)
            return end + 1
        if not name or end < 0:
            self._fault("unfinished-tag", start, f"/{name}")
            return start + 2
        behind_name = start + 2 + len(name)
        next_tag = self._source.find("<", behind_name, end)
        if next_tag >= 0:
            self._fault("unfinished-tag", start, f"/{name}")
            end = next_tag - 1
        else:
            junk = self._source[behind_name:end].strip()
            if junk:
                self._fault("malformed-tag", start, f"/{name}", junk[:10])
        self._close(name, start, end + 1)
        return end + 1

    def _close(self, tag: str, start: int, end: int) -> None:
        """Close the innermost open element of that tag, and the elements within it.

        An end tag that fits no element is noted.
        """
        innermost = self._open[-1][0]
        if self._times_open[tag]:
            while self._open[-1][0] != tag:
                self._leave_open(start, tag)
        elif not self._is_mjml:
            return
        elif get_close_matches(tag, [innermost], cutoff=0.7):
            self._fault("misspelt-closing-tag", start, tag, innermost)
        elif self._unclosed[tag]:
            self._unclosed[tag] -= 1
            return
        else:
            self._fault("stray-closing-tag", start, tag, innermost)
            return
        self._pop().close(start, end)

    def _leave_open(self, end: int, closing: str = "") -> None:
        """End an element that has no end tag where that of an element around it begins."""
        tag, element = self._open[-1]
        self._fault("unclosed-tag", element.offset, tag, closing)
        self._unclosed[tag] += 1
        self._pop().close(end, end)

    def _pop(self) -> Element:
        tag, element = self._open.pop()
        self._times_open[tag] -= 1
        return element

    @property
    def _holder(self) -> Element | None:
        """The element of MJML, around this place, that holds HTML."""
        element = self._open[-1][1]
        if element.holder:
            return element.holder
        return element if self._is_mjml and element.tag in HOLD_HTML else None

    def _find(self, text: str, start: int) -> int:
        """Return the next offset of a text, -1 without one."""
        at = self._next.get(text)
        if at is None or 0 <= at < start:
            at = self._source.find(text, start)
            self._next[text] = at
        return at

    def _behind(self, text: str, start: int) -> int:
        """Return the offset behind the next place of a text; without one, the end of the source."""
        at = self._find(text, start)
        return at + len(text) if at >= 0 else len(self._source)

    def _fault(self, kind: str, offset: int, tag: str = "", detail: str = "") -> None:
        """Note a fault of MJML; in HTML nothing is one."""
        if self._is_mjml:
            self.faults.append(SyntaxFault(kind, offset, tag, detail))


def _is_ended_by(tag: str, start_tag: str) -> bool:
    """Tell whether a start tag ends an element whose end tag is optional (HTML, 13.1.2.4)."""
    if tag not in _ENDED_BY_ITS_LIKE:
        return False
    return tag == start_tag or {tag, start_tag} in ({"td", "th"}, {"dd", "dt"})
