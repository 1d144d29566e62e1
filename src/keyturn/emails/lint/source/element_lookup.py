"""From what a client draws back to the MJML, or to the tags of plain HTML."""

import re
from collections.abc import Iterator

from keyturn.emails.lint.markup.marked_html import number_of_class
from keyturn.mail.rendering.html_tree import Element

_OFFSET = re.compile("[0-9]{1,9}")


class ElementLookup:
    """Finds what drew an element of `Document.marked_html`, by the classes and attributes that were put on it.

    `root` is the tree of the MJML or plain HTML, `body` stands in where nothing nearer is known.
    """

    def __init__(self, root: Element, body: Element, *, is_mjml: bool) -> None:
        self._body = body
        self._is_mjml = is_mjml
        self._by_number = {element.number: element for element in root.walk() if element.tag}
        self._tables = {str(table.offset): table for table in root.walk() if table.tag == "table"}

    def offset_of(self, drawn: Element) -> int:
        """Return the offset in the source of what drew it: its own tag, else an element."""
        for above in _with_ancestors(drawn):
            if _OFFSET.fullmatch(written := above.get("data-keyturn")):
                return int(written)
            if element := self._named_by(above):
                return element.offset
        return self._body.offset

    def element_of(self, drawn: Element) -> Element:
        """Return the element that drew it. In plain HTML it is the table."""
        if self._is_mjml:
            named = (self._named_by(above) for above in _with_ancestors(drawn))
            return next(filter(None, named), self._body)
        tables = (above.get("data-keyturn") for above in _with_ancestors(drawn) if above.tag == "table")
        return self._tables.get(next(tables, ""), self._body)

    def element_of_class(self, name: str) -> Element | None:
        """Return the element that a class of `marked_html` stands for; None for any other class."""
        number = number_of_class(name)
        return self._by_number.get(number) if number else None

    def _named_by(self, drawn: Element) -> Element | None:
        return next(filter(None, map(self.element_of_class, drawn.get("class").split())), None)


def _with_ancestors(drawn: Element) -> Iterator[Element]:
    yield drawn
    yield from drawn.ancestors()
