"""The structure of MJML: the reference implementation's schema, the body, inherited attributes, and HTML inside."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path

import msgspec
from msgspec import Struct

from keyturn.mail.rendering.html_tree import Attribute, Element, parse_html

_DATA = Path(__file__).parent / "data" / "mjml-schema.json"


class ElementRules(msgspec.Struct, frozen=True):
    """The attributes, with types such as `unit(px,%){1,4}`, and children of an element.

    `ending_tag`: its content is HTML or text.
    """

    head: bool
    ending_tag: bool
    attributes: dict[str, str]
    children: list[str]


class Schema(msgspec.Struct, frozen=True, dict=True):
    elements: dict[str, ElementRules]
    colours: frozenset[str]

    @cached_property
    def parents(self) -> dict[str, list[str]]:
        """The elements that each element may stand in."""
        return {
            child: [name for name, rules in self.elements.items() if child in rules.children] for child in self.elements
        }


@cache
def schema() -> Schema:
    return msgspec.json.decode(_DATA.read_bytes(), type=Schema)


@cache
def unread_attributes() -> dict[str, dict[str, list[str]]]:
    """Return the attributes that MJML defines and our compiler does not read, by tag, with the ways of writing them.

    The ways are "inline", "mj-attributes" and "mj-class". Found by compiling each with both compilers.
    """
    data = (_DATA.parent / "unread-attributes.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, dict[str, list[str]]])


EVERYWHERE = frozenset(["css-class", "mj-class"])
"""Attributes that every element takes."""


_HEAD = ("mj-head", "mj-attributes")


def body_of(root: Element) -> Element | None:
    """Return the mj-body of the mail, not the defaults for it in mj-attributes."""
    return next(bodies_of(root), None)


def bodies_of(root: Element) -> Iterator[Element]:
    bodies = (one for one in root.walk() if one.tag == "mj-body")
    return (one for one in bodies if not any(above.tag in _HEAD for above in one.ancestors()))


def inherited_attribute(root: Element, element: Element, name: str) -> Attribute | None:
    """Return an attribute of an element: its own, else that of its classes, of its tag, of mj-all; None if unset."""
    own = element.attributes.get(name)
    return own or next((rule.attributes[name] for rule in _defaults_of(root, element) if name in rule.attributes), None)


def inherited_classes(root: Element, element: Element) -> list[str]:
    """Return the classes that the element inherits from mj-attributes without a `css-class` of its own."""
    return [rule.get("css-class") for rule in _defaults_of(root, element) if "css-class" in rule.attributes]


def _defaults_of(root: Element, element: Element) -> Iterator[Element]:
    """Yield the rules of mj-attributes for an element, the strongest first."""
    rules = [rule for one in root.walk() if one.tag == "mj-attributes" for rule in one.children]
    for name in reversed(element.get("mj-class").split()):
        yield from (rule for rule in rules if rule.tag == "mj-class" and rule.get("name") == name)
    yield from (rule for rule in rules if rule.tag == element.tag)
    yield from (rule for rule in rules if rule.tag == "mj-all")


# Elements whose content is text for the head, or styles.
_NO_HTML = frozenset(("mj-title", "mj-preview", "mj-style", "mj-breakpoint", "mj-font", "mj-include"))


class AuthoredStyle(Struct, frozen=True):
    """A stylesheet. `inlined`: its rules become style attributes, and its selectors are not sent."""

    css: str
    offset: int
    inlined: bool


def html_in_mjml(mjml: str, root: Element) -> Element:
    """Return one tree of all HTML in the MJML, with its offsets there."""
    html = Element("", 0, root.offset, inner=root.inner, end=root.end)
    _add_html(mjml, root, html)
    return html


def authored_styles(source: str, root: Element, html: Element) -> Iterator[AuthoredStyle]:
    """Yield each stylesheet of the author: of mj-style in the MJML, and of style elements in the HTML."""
    sheets = [element for element in root.walk() if element.tag == "mj-style"]
    for element in (*sheets, *(element for element in html.walk() if element.tag == "style")):
        css = source[element.inner.start : element.inner.stop]
        yield AuthoredStyle(css, element.inner.start, inlined=element.get("inline") == "inline")


def _add_html(mjml: str, element: Element, html: Element) -> None:
    is_html = bool(element.tag) and not element.tag.startswith("mj")
    if is_html:  # between elements of MJML
        html = html.add(replace(element, nodes=[], children=[]))
    if not element.children and element.tag not in _NO_HTML:
        written = parse_html(mjml[element.inner.start : element.inner.stop], element.inner.start)
        for node in written.nodes:
            html.add(node) if isinstance(node, Element) else html.nodes.append(node)
        return
    for node in element.nodes:
        if isinstance(node, Element):
            _add_html(mjml, node, html)
        elif is_html:
            html.nodes.append(node)
