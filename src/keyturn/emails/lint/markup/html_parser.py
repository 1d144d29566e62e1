"""HTML as it is written, with the offset of every tag, attribute and text; and a mail in plain HTML as a tree."""

import re
from html import unescape
from html.parser import HTMLParser
from itertools import accumulate

from keyturn.emails.lint.markup.element import Attribute, Element, Parsed
from keyturn.emails.lint.markup.html_tree import DEEPEST, VOID, ended_by

_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_NAME = re.compile(r"<[^\s/>]+")


class HtmlReader(HTMLParser):
    """Leaves comments out, and so what is meant for Outlook alone. `base` is the offset of the source's beginning."""

    def __init__(self, source: str, base: int = 0) -> None:
        super().__init__(convert_charrefs=True)
        self._source = source
        self._lines = list(accumulate((len(line) + 1 for line in source.split("\n")), initial=base))

    def read(self) -> None:
        self.feed(self._source)
        self.close()

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _attributes(self) -> dict[str, Attribute]:
        """Return those of the start tag that is being read: of two with one name the first (HTML, 13.2.5.33)."""
        base, tag = self._offset(), self.get_starttag_text() or ""
        found: dict[str, Attribute] = {}
        after_name = _NAME.match(tag)
        for match in _ATTRIBUTE.finditer(tag, after_name.end() if after_name else 0):
            group = match.lastindex or 1
            value = unescape(match[group]) if group > 1 else ""
            found.setdefault(match[1].lower(), Attribute(value, base + match.start(), base + match.start(group)))
        return found


def parse_html(html: str) -> Parsed:
    """Return the tree of a mail in plain HTML. Browsers read whatever it is, so it has no faults."""
    tree = _Tree(html)
    tree.read()
    return Parsed(tree.root, ())


class _Tree(HtmlReader):
    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.root = Element("", 0, 0, inner=range(len(source)), end=len(source))
        self._open = [self.root]
        self._number = 0

    def close(self) -> None:
        super().close()
        self._close_down_to(1, len(self._source), len(self._source))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - without offsets
        start = self._offset()
        behind = start + len(self.get_starttag_text() or "")
        if ended_by(self._open[-1].tag, tag):
            self._close_down_to(len(self._open) - 1, start, start)
        self._number += 1
        above = self._open[-1]
        element = Element(
            tag, self._number, start, above, self._attributes(), inner=range(behind, behind), end=behind
        )  # fmt: skip
        above.children.append(element)
        if tag not in VOID and len(self._open) < DEEPEST:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        start = self._offset()
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                self._close_down_to(depth + 1, start, start)
                self._close_down_to(depth, start, self._source.find(">", start) + 1 or len(self._source))
                return

    def _close_down_to(self, depth: int, stop: int, end: int) -> None:
        while len(self._open) > depth:
            closed = self._open.pop()
            closed.inner, closed.end = range(closed.inner.start, stop), end
