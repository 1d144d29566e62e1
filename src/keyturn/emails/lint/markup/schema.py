"""What MJML allows: elements, attributes, types and nesting, as data from the reference implementation."""

from functools import cached_property
from pathlib import Path

import msgspec

_DATA = Path(__file__).parent / "data" / "mjml-schema.json"


class ElementRules(msgspec.Struct, frozen=True):
    """`ending_tag`: the element ends MJML, its content is HTML or text. A type is `color`, `unit(px,%){1,4}`, ..."""

    head: bool
    ending_tag: bool
    attributes: dict[str, str]
    defaults: dict[str, object]
    children: list[str]


class _File(msgspec.Struct, frozen=True):
    elements: dict[str, ElementRules]
    colours: frozenset[str]


class Schema:
    """Read when it is first asked."""

    @property
    def elements(self) -> dict[str, ElementRules]:
        return self._file.elements

    @property
    def colours(self) -> frozenset[str]:
        """The names that may stand for a colour."""
        return self._file.colours

    @cached_property
    def parents(self) -> dict[str, list[str]]:
        """The elements that each element may stand in."""
        return {
            child: [name for name, rules in self.elements.items() if child in rules.children]
            for child in self.elements
        }  # fmt: skip

    @cached_property
    def _file(self) -> _File:
        return msgspec.json.decode(_DATA.read_bytes(), type=_File)


SCHEMA = Schema()

EVERYWHERE = frozenset(["css-class", "mj-class"])
"""Attributes that every element takes."""
