"""What MJML allows: elements, attributes, types and nesting, as data from the reference implementation."""

from functools import cache, cached_property
from pathlib import Path

import msgspec

_DATA = Path(__file__).parent / "data" / "mjml-schema.json"


class ElementRules(msgspec.Struct, frozen=True):
    """Says what an element of MJML may hold and have.

    `ending_tag`: the element ends MJML, its content is HTML or text. A type is `color`, `unit(px,%){1,4}`, ...
    """

    head: bool
    ending_tag: bool
    attributes: dict[str, str]
    children: list[str]


class Schema(msgspec.Struct, frozen=True, dict=True):
    """Knows every element of MJML. `colours` are the names that may stand for a colour."""

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


EVERYWHERE = frozenset(["css-class", "mj-class"])
"""Attributes that every element takes."""
