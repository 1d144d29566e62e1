"""Styles read with their places: rules, declarations, and the at-rules around them (tinycss2, CSS Syntax Level 3)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import tinycss2
from tinycss2.ast import AtRule as AtNode
from tinycss2.ast import Declaration as DeclarationNode
from tinycss2.ast import QualifiedRule

from keyturn.emails.lint.css.selectors import Selector, read_selectors

_HUGE = re.compile(r"\d{301,}")
"""A number that is beyond every float. tinycss2 makes an integer of it, which Python refuses from 4,301 digits on."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """Holds a property with its value. `value` as it is written, `offset` of the name in the text that was read."""

    name: str
    value: str
    important: bool
    offset: int


@dataclass(frozen=True, slots=True)
class AtRule:
    """Holds an at-rule; `within` are those around it, the outermost first."""

    keyword: str
    prelude: str
    offset: int
    within: tuple["AtRule", ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Holds a style rule, of which each is another one, whatever it says.

    `within`: the at-rules around it, the outermost first. `nested` in another rule, which few clients read.
    """

    selectors: tuple[Selector, ...]
    declarations: tuple[Declaration, ...]
    within: tuple[AtRule, ...]
    nested: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Stylesheet:
    """Holds what was read of a stylesheet."""

    rules: tuple[Rule, ...]
    at_rules: tuple[AtRule, ...]


def with_finite_integers(css: str) -> str:
    """Return the text with each huge integer written as an exponent of the same length, which CSS reads as infinity."""
    return _HUGE.sub(lambda found: "1e" + "9" * (len(found[0]) - 2), css)


@lru_cache(64)
def read_stylesheet(css: str) -> Stylesheet:
    """Return what can be read; what cannot is left out, as a client leaves it out."""
    reader = _Reader(css)
    reader.read(tinycss2.parse_stylesheet(with_finite_integers(css), skip_comments=True, skip_whitespace=True), ())
    return Stylesheet(tuple(reader.rules), tuple(reader.at_rules))


@lru_cache(512)
def read_style(style: str) -> tuple[Declaration, ...]:
    nodes = tinycss2.parse_blocks_contents(with_finite_integers(style), skip_comments=True)
    return tuple(_Reader(style).declarations(nodes))


class _Reader:
    """Reads a stylesheet, with the place of everything in it."""

    def __init__(self, css: str) -> None:
        self._lines = list(accumulate((len(line) + 1 for line in css.split("\n")), initial=0))
        self.rules: list[Rule] = []
        self.at_rules: list[AtRule] = []

    def read(self, nodes: Iterable[Any], within: tuple[AtRule, ...], *, nested: bool = False) -> None:
        for node in nodes:
            if isinstance(node, QualifiedRule):
                self._read_rule(node, within, nested=nested)
            elif isinstance(node, AtNode):
                self._read_at_rule(node, within)

    def declarations(self, nodes: Iterable[Any]) -> Iterator[Declaration]:
        for node in nodes:
            if isinstance(node, DeclarationNode):
                value = tinycss2.serialize(node.value).strip()
                yield Declaration(node.lower_name, value, bool(node.important), self._offset(node))

    def _read_rule(self, node: QualifiedRule, within: tuple[AtRule, ...], *, nested: bool) -> None:
        inside = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
        self.rules.append(
            Rule(read_selectors(node.prelude), tuple(self.declarations(inside)), within, nested, self._offset(node))
        )
        self.read(inside, within, nested=True)

    def _read_at_rule(self, node: AtNode, within: tuple[AtRule, ...]) -> None:
        rule = AtRule(node.lower_at_keyword, tinycss2.serialize(node.prelude).strip(), self._offset(node), within)
        self.at_rules.append(rule)
        if node.content is None:
            return
        inside = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
        self.read(inside, (*within, rule))

    def _offset(self, node: Any) -> int:
        return self._lines[int(node.source_line) - 1] + int(node.source_column) - 1
