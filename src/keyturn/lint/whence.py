"""From what is drawn back to the MJML."""

from collections.abc import Iterator

from keyturn.lint.document import Document
from keyturn.lint.drawing import Node
from keyturn.lint.element import Element


def offset_of(document: Document, node: Node) -> int:
    """Return the offset in the MJML of what drew a node of `Document.marked_html`: its own tag, else an element."""
    for above in _upwards(node):
        if (written := above.attributes.get("data-keyturn", "")).isdigit():
            return int(written)
        if element := _named(document, above):
            return element.offset
    body = element_of(document, node)
    return body.offset if body else 0


def element_of(document: Document, node: Node) -> Element | None:
    """Return the element of the MJML that drew a node, the body where nothing nearer is known."""
    named = (_named(document, above) for above in _upwards(node))
    return next(filter(None, named), document.root.find("mj-body"))


def _upwards(node: Node | None) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent


def _named(document: Document, node: Node) -> Element | None:
    named = (document.element_of_class(name) for name in node.attributes.get("class", "").split())
    return next(filter(None, named), None)
