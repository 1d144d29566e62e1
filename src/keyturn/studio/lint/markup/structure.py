"""The structure of MJML: the reference implementation's schema, the body, and
inherited attributes.
"""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path

import msgspec

from keyturn.mail.rendering.html_tree import Attribute, Element

_DATA = Path(__file__).parent / "data" / "mjml-schema.json"
EVERYWHERE = ("css-class", "mj-class")  # attributes that every element takes
_HEAD = ("mj-head", "mj-attributes")
# Elements that hold no HTML.
TEXT_ALONE = ("mj-title", "mj-preview", "mj-style", "mj-breakpoint")


class ElementRules(msgspec.Struct, frozen=True):
    """The attributes, with types such as `unit(px,%){1,4}`, and children of an element."""

    head: bool
    attributes: dict[str, str]
    children: list[str]


class MjmlSchema(msgspec.Struct, frozen=True, dict=True):
    elements: dict[str, ElementRules]
    colours: frozenset[str]

    @cached_property
    def parents(self) -> dict[str, list[str]]:
        """The elements that each element may stand in."""
        parents: dict[str, list[str]] = {tag: [] for tag in self.elements}
        for tag, rules in self.elements.items():
            for child in rules.children:
                if child in parents:
                    parents[child].append(tag)
        return parents


@cache
def schema() -> MjmlSchema:
    return msgspec.json.decode(_DATA.read_bytes(), type=MjmlSchema)


@cache
def unread_attributes() -> dict[str, dict[str, list[str]]]:
    """Return the attributes that mrml does not read, by tag, where they are "inline",
    "mj-attributes" or "mj-class".
    """
    data = (_DATA.parent / "unread-attributes.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, dict[str, list[str]]])


def body_of(root: Element) -> Element | None:
    """Return the mj-body of the mail, not the defaults for it in mj-attributes."""
    return next(bodies_of(root), None)


def bodies_of(root: Element) -> Iterator[Element]:
    for element in root.walk():
        if element.tag != "mj-body" or element.holder:
            continue
        if not any(above.tag in _HEAD for above in element.ancestors()):
            yield element


def is_default(element: Element) -> bool:
    """Tell whether an element is in mj-attributes, where it only sets defaults for others."""
    return any(above.tag == "mj-attributes" for above in element.ancestors())


def default_rules(root: Element) -> list[Element]:
    """Return the elements in mj-attributes."""
    rules: list[Element] = []
    for element in root.walk():
        if element.tag == "mj-attributes" and not element.holder:
            rules += element.children
    return rules


def inherited_attribute(rules: Sequence[Element], element: Element, name: str) -> Attribute | None:
    """Return an attribute of an element: its own, else that of its classes, of its tag, of mj-all;
    None if unset.
    """
    if name in element.attributes:
        return element.attributes[name]
    for rule in rules_for(rules, element):
        if name in rule.attributes:
            return rule.attributes[name]
    return None


def rules_for(rules: Sequence[Element], element: Element) -> Iterator[Element]:
    """Yield the rules for an element, the strongest first."""
    for name in reversed(element.get("mj-class").split()):
        for rule in rules:
            if rule.tag == "mj-class" and rule.get("name") == name:
                yield rule
    for tag in (element.tag, "mj-all"):
        for rule in rules:
            if rule.tag == tag:
                yield rule
