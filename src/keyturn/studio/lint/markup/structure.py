"""The structure of MJML: the reference implementation's schema, the body, and
inherited attributes.
"""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path

import msgspec

from keyturn.mail.rendering.html_tree import Attribute, Element

_DATA = Path(__file__).parent / "data" / "mjml-schema.json"
EVERYWHERE = frozenset(["css-class", "mj-class"])  # attributes that every element takes
_HEAD = ("mj-head", "mj-attributes")
# Elements that hold no HTML.
TEXT_ALONE = frozenset(("mj-title", "mj-preview", "mj-style", "mj-breakpoint"))


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
        elements = self.elements
        return {
            child: [name for name, rules in elements.items() if child in rules.children]
            for child in elements
        }


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
    bodies = (one for one in root.walk() if one.tag == "mj-body" and not one.holder)
    return (one for one in bodies if not any(above.tag in _HEAD for above in one.ancestors()))


def default_rules(root: Element) -> list[Element]:
    """Return the elements in mj-attributes."""
    return [
        rule
        for one in root.walk()
        if one.tag == "mj-attributes" and not one.holder
        for rule in one.children
    ]


def inherited_attribute(rules: Sequence[Element], element: Element, name: str) -> Attribute | None:
    """Return an attribute of an element: its own, else that of its classes, of its tag, of mj-all;
    None if unset.
    """
    own = element.attributes.get(name)
    return own or next(
        (one.attributes[name] for one in rules_for(rules, element) if name in one.attributes), None
    )


def rules_for(rules: Sequence[Element], element: Element) -> Iterator[Element]:
    """Yield the rules for an element, the strongest first."""
    for name in reversed(element.get("mj-class").split()):
        yield from (rule for rule in rules if rule.tag == "mj-class" and rule.get("name") == name)
    yield from (rule for rule in rules if rule.tag == element.tag)
    yield from (rule for rule in rules if rule.tag == "mj-all")
