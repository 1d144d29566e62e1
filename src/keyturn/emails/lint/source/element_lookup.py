"""From what is drawn back to the MJML."""

from collections.abc import Iterator

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.markup.element import Element
from keyturn.emails.lint.markup.html_tree import Node


def offset_of(document: Document, node: Node) -> int:
    """Return the offset in the MJML of what drew a node of `Document.marked_html`: its own tag, else an element."""
    for above in _upwards(node):
        if (written := above.attributes.get("data-keyturn", "")).isdigit():
            return int(written)
        if element := _named(document, above):
            return element.offset
    return document.body.offset


def element_of(document: Document, node: Node) -> Element:
    """Return the element that drew a node, the body where nothing nearer is known. In plain HTML it is the table."""
    if document.is_mjml:
        named = (_named(document, above) for above in _upwards(node))
        return next(filter(None, named), document.body)
    tables = (above.attributes.get("data-keyturn") for above in _upwards(node) if above.tag == "table")
    offset = next(tables, None)
    found = (element for element in document.elements("table") if str(element.offset) == offset)
    return next(found, document.body)


def _upwards(node: Node | None) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent


def _named(document: Document, node: Node) -> Element | None:
    named = (document.element_of_class(name) for name in node.attributes.get("class", "").split())
    return next(filter(None, named), None)
