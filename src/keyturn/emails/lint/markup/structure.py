"""What an element of MJML is in its mail: which one is the body, and what mj-attributes give to the others."""

from collections.abc import Iterator

from keyturn.mail.rendering.html_tree import Attribute, Element

_HEAD = ("mj-head", "mj-attributes")


def body_of(root: Element) -> Element | None:
    """Return the mail's own mj-body: one within mj-attributes says only what the body is like."""
    return next(bodies_of(root), None)


def bodies_of(root: Element) -> Iterator[Element]:
    return (one for one in root.walk() if one.tag == "mj-body" and not _is_default(one))


def inherited_attribute(root: Element, element: Element, name: str) -> Attribute | None:
    """Return an attribute of an element: its own, else that of its classes, of its kind, of all (MJML, mj-attributes).

    None where nobody sets it.
    """
    if name in element.attributes:
        return element.attributes[name]
    defaults = [rule for one in root.walk() if one.tag == "mj-attributes" for rule in one.children]
    classes = element.get("mj-class").split()
    wanted = [
        *(rule for one in reversed(classes) for rule in defaults if rule.tag == "mj-class" and rule.get("name") == one),
        *(rule for rule in defaults if rule.tag == element.tag),
        *(rule for rule in defaults if rule.tag == "mj-all"),
    ]
    return next((rule.attributes[name] for rule in wanted if name in rule.attributes), None)


def _is_default(element: Element) -> bool:
    return any(above.tag in _HEAD for above in element.ancestors())
