"""A tolerant parser of MJML: a tree with offsets, in which a missing tag hides as little as possible of the rest.

MJML is neither HTML (its elements may close themselves) nor XML (mj-text holds HTML). The checks need the offset of
every attribute and value.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from html import unescape
from typing import NamedTuple

from keyturn.mail.rendering.html_tree import VOID, Attribute, Element, Text, attribute_value
from keyturn.studio.lint.markup.structure import schema

_NAME = re.compile(r"[A-Za-z][^\s/><\"'=]*")
_ATTRIBUTE = re.compile(r"""([^\s=>/"'<]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+|["']))?""")
_BLANK = re.compile(r"\s*")
_IN_TAG_OF_VALUE = re.compile(r"</|<mj")
_WITHOUT_COMMENTS = frozenset(
    ("mj-accordion-element", "mj-attributes", "mj-breakpoint", "mj-carousel", "mj-divider", "mj-font", "mj-image",
     "mj-preview", "mj-spacer", "mj-style", "mj-title")
)  # fmt: skip
"""Elements in which the compiler, mrml, refuses comments. It takes conditional ones only in HTML."""


class HtmlTag(NamedTuple):
    """A start tag in the HTML inside an element of MJML."""

    tag: str
    offset: int
    within: Element

    @property
    def behind_name(self) -> int:
        return self.offset + 1 + len(self.tag)


class SyntaxFault(NamedTuple):
    """A place where the MJML is malformed. `kind`: its rule, without the group. `detail` depends on the kind."""

    kind: str
    offset: int
    tag: str = ""
    detail: str = ""


class ParsedMjml(NamedTuple):
    """The tree of a mail's MJML.

    Elements that hold HTML (mj-text, mj-button, mj-table, mj-raw, ...) or plain text (mj-title, mj-style) have neither
    children nor texts. Their content is the range `inner`; its start tags are in `html_tags`.
    """

    root: Element
    html_tags: tuple[HtmlTag, ...] = ()
    faults: tuple[SyntaxFault, ...] = ()


def parse_mjml(mjml: str) -> ParsedMjml:
    parser = _Parser(mjml)
    parser.read()
    faults = sorted(parser.faults, key=lambda fault: fault.offset)
    return ParsedMjml(parser.root, tuple(parser.html_tags), tuple(faults))


@dataclass(slots=True)
class _Open:
    """A start tag that waits for its end tag; `element` is None for HTML."""

    tag: str
    offset: int
    element: Element | None = None


class _Parser:
    def __init__(self, mjml: str) -> None:
        self.root = Element("", 0, 0, inner=range(len(mjml)), end=len(mjml))
        self.html_tags: list[HtmlTag] = []
        self.faults: list[SyntaxFault] = []
        self._mjml = mjml
        self._open: list[_Open] = [_Open("", 0, self.root)]
        self._number = 0
        self._reported: list[str] = []

    def read(self) -> None:
        offset = 0
        while (start := self._mjml.find("<", offset)) >= 0:
            self._text(offset, start)
            offset = self._markup(start)
        self._text(offset, len(self._mjml))
        self._close_down_to(0, len(self._mjml))

    def _markup(self, start: int) -> int:
        if self._mjml.startswith("<!--", start):
            return self._comment(start)
        if self._mjml.startswith("</", start):
            return self._end_tag(start)
        if name := _NAME.match(self._mjml, start + 1):
            return self._start_tag(start, name[0])
        if self._mjml.startswith("<![CDATA[", start):
            return self._skip("cdata", start, "]]>")
        if self._mjml.startswith(("<!", "<?"), start):
            return self._skip("declaration", start, ">")
        self._fault("bare-less-than", start, self._open[-1].tag)
        return start + 1

    def _comment(self, start: int) -> int:
        end = self._mjml.find("-->", start + 4)
        if end < 0:
            self._fault("unclosed-comment", start)
            return len(self._mjml)
        inside = self._mjml[start + 4 : end]
        if "<!--" in inside:
            self._fault("unclosed-comment", start)
            return start + 4
        if "--" in f"{inside}-":  # XML 1.0, 2.5
            self._fault("malformed-comment", start)
        elif inside.startswith("[if") and not _holds_html(self._holder.tag):
            self._fault("conditional-comment", start)
        elif self._holder.tag in _WITHOUT_COMMENTS:
            self._fault("misplaced-comment", start, self._holder.tag)
        return end + 3

    def _skip(self, kind: str, start: int, closing: str) -> int:
        self._fault(kind, start)
        end = self._mjml.find(closing, start)
        return end + len(closing) if end >= 0 else len(self._mjml)

    def _text(self, start: int, end: int) -> None:
        holder = self._open[-1].element
        if holder and not _holds_html(holder.tag) and (text := self._mjml[start:end]).strip():
            first = start + len(text) - len(text.lstrip())
            holder.nodes.append(Text(f" {unescape(text.strip())} ", first))

    def _start_tag(self, start: int, tag: str) -> int:
        attributes, end, closed = self._attributes(start, start + 1 + len(tag), tag)
        holder = self._holder
        if _holds_html(holder.tag):
            self.html_tags.append(HtmlTag(tag, start, holder))
            if not closed and tag.lower() not in VOID:
                self._open.append(_Open(tag, start))
            return end
        self._number += 1
        element = Element(tag, self._number, start, attributes=attributes, inner=range(end, end), end=end)
        holder.add(element)
        if not closed and tag not in VOID:
            self._open.append(_Open(tag, start, element))
        return end

    def _attributes(self, start: int, offset: int, tag: str) -> tuple[dict[str, Attribute], int, bool]:
        """Return the attributes of a start tag, the offset behind it, and whether it closes itself."""
        attributes: dict[str, Attribute] = {}
        while True:
            behind = offset
            offset = _end(_BLANK, self._mjml, offset)
            if self._mjml.startswith("/>", offset):
                return attributes, offset + 2, True
            if self._mjml.startswith(">", offset):
                return attributes, offset + 1, False
            if offset == len(self._mjml) or self._mjml[offset] == "<":
                self._fault("unfinished-tag", start, tag)
                return attributes, offset, False
            found = _ATTRIBUTE.match(self._mjml, offset)
            if not found:
                self._fault("malformed-tag", offset, tag, self._mjml[offset])
                offset += 1
                continue
            if behind == offset:
                self._fault("missing-space", offset, tag, found[1])
            name, written = found[1], found[2] or ""
            if written in ("'", '"') or (written[:1] in ("'", '"') and _IN_TAG_OF_VALUE.search(written)):
                self._fault("unclosed-quote", offset, tag, name)
                end = self._mjml.find(">", offset)
                return attributes, (end + 1 if end >= 0 else len(self._mjml)), self._mjml[end - 1] == "/"
            self._add(attributes, found, tag)
            offset = found.end()

    def _add(self, attributes: dict[str, Attribute], found: re.Match[str], tag: str) -> None:
        name, written = found[1], found[2] or ""
        quoted = written[:1] in ("'", '"')
        if written and not quoted:
            self._fault("unquoted-value", found.start(), tag, name)
        if '"' in written[1:-1]:
            self._fault("quote-in-value", found.start(), tag, name)
        value = attribute_value(written[1:-1] if quoted else written)
        if name in attributes and attributes[name].value != value:
            self._fault("duplicate-attribute", found.start(), tag, name)
        value_offset = found.start(2) + quoted if written else found.start()
        attributes[name] = Attribute(value, found.start(), value_offset, found.end())

    def _end_tag(self, start: int) -> int:
        name, end = _NAME.match(self._mjml, start + 2), self._mjml.find(">", start)
        if not name or end < 0:
            self._fault("unfinished-tag", start, f"/{name[0]}" if name else "/")
            return start + 2
        if "<" in (junk := self._mjml[name.end() : end].strip()):
            self._fault("unfinished-tag", start, f"/{name[0]}")
            end = self._mjml.index("<", name.end()) - 1
        elif junk:
            self._fault("malformed-tag", start, f"/{name[0]}", junk[:10])
        if (depth := self._opened_by(name[0], start)) is not None:
            self._close_down_to(depth, start, closing=name[0])
            if closed := self._open.pop().element:
                closed.close(start, end + 1)
        return end + 1

    def _opened_by(self, tag: str, start: int) -> int | None:
        """Return the depth of the tag that an end tag closes, or None if it closes none."""
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                return depth
        innermost = self._open[-1].tag
        if get_close_matches(tag, [innermost], cutoff=0.7):
            if innermost in schema().elements or not innermost.startswith("mj"):  # else the start tag is misspelt
                self._fault("misspelt-closing-tag", start, tag, innermost)
            return len(self._open) - 1
        if tag in self._reported:
            self._reported.remove(tag)
        else:
            self._fault("stray-closing-tag", start, tag, innermost)
        return None

    def _close_down_to(self, depth: int, end: int, closing: str = "") -> None:
        while len(self._open) > depth + 1:
            left = self._open.pop()
            self._fault("unclosed-tag", left.offset, left.tag, closing)
            self._reported.append(left.tag)
            if left.element:
                left.element.close(end, end)

    @property
    def _holder(self) -> Element:
        return next(opened.element for opened in reversed(self._open) if opened.element)

    def _fault(self, kind: str, offset: int, tag: str = "", detail: str = "") -> None:
        self.faults.append(SyntaxFault(kind, offset, tag, detail))


def _end(pattern: re.Pattern[str], text: str, offset: int) -> int:
    found = pattern.match(text, offset)
    return found.end() if found else offset


def _holds_html(tag: str) -> bool:
    return tag in schema().elements and schema().elements[tag].ending_tag
