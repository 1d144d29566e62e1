"""Stylesheets with the places of rules, declarations and at-rules (tinycss2, CSS Syntax Level
3).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import tinycss2
from msgspec import Struct

from keyturn.studio.lint.css.selectors import Selector, read_selectors

# A number that is beyond every float. tinycss2 makes an integer of it, which Python refuses from
# 4,301 digits on.
_HUGE = re.compile(r"\d{301,}")
_BRACKET = re.compile(r"[(){}\[\]]")
_DEEPEST = 100


class Declaration(Struct, frozen=True):
    """A property with its value as written. `offset` is that of the name in the stylesheet."""

    name: str
    value: str
    important: bool
    offset: int


class AtRule(Struct, frozen=True):
    """An at-rule. `within`: the at-rules around it, the outermost first."""

    keyword: str
    prelude: str
    offset: int
    within: tuple["AtRule", ...] = ()


class StyleRule(Struct, frozen=True, eq=False, dict=True):
    """A style rule, compared by identity.

    `nested`: it is inside another rule, which few clients read.
    """

    selectors: tuple[Selector, ...]
    declarations: tuple[Declaration, ...]
    within: tuple[AtRule, ...]
    nested: bool
    offset: int

    @cached_property
    def schemes(self) -> set[str]:
        """What makes it count in some modes only: a query for a colour scheme, or the marks of
        Outlook.com.
        """
        queries = " ".join(at.prelude.replace(" ", "") for at in self.within)
        schemes = set(re.findall("prefers-color-scheme(?::dark)?", queries))
        if any(selector.has_marks for selector in self.selectors):
            schemes.add("data-ogs")
        return schemes


class Stylesheet(Struct, frozen=True):
    """The readable rules of a stylesheet."""

    rules: tuple[StyleRule, ...]
    at_rules: tuple[AtRule, ...]


def parseable(css: str) -> str:
    """Return text of the same length without huge integers and deep brackets, which `tinycss2`
    cannot read.
    """
    css = _HUGE.sub(_still_huge, css)
    if sum(map(css.count, "([{")) <= _DEEPEST:
        return css
    return _without_deep_brackets(css)


def _still_huge(number: re.Match[str]) -> str:
    return "1e" + "9" * (len(number[0]) - 2)


def _without_deep_brackets(css: str) -> str:
    """Return text of the same length with a blank for each bracket that lies too deep."""
    parts = []
    behind = 0
    depth = 0
    for bracket in _BRACKET.finditer(css):
        parts.append(css[behind : bracket.start()])
        behind = bracket.end()
        if bracket[0] in "([{":
            is_deep = depth >= _DEEPEST
            depth += 1
        else:
            is_deep = depth > _DEEPEST
            depth = max(depth - 1, 0)
        parts.append(" " if is_deep else bracket[0])
    parts.append(css[behind:])
    return "".join(parts)


@lru_cache(64)
def read_stylesheet(css: str) -> Stylesheet:
    """Parse a stylesheet. Malformed parts are left out, as clients leave them out."""
    nodes = tinycss2.parse_stylesheet(parseable(css), skip_comments=True, skip_whitespace=True)
    rules: list[StyleRule] = []
    at_rules: list[AtRule] = []
    for part in _read(nodes, _offsets_in(css)):
        if isinstance(part, StyleRule):
            rules.append(part)
        else:
            at_rules.append(part)
    return Stylesheet(tuple(rules), tuple(at_rules))


@lru_cache(512)
def read_style(style: str) -> tuple[Declaration, ...]:
    return _declarations(_block(parseable(style)), _offsets_in(style))


def _read(
    nodes: Iterable[Any],
    offset_of: Callable[[Any], int],
    within: tuple[AtRule, ...] = (),
    *,
    nested: bool = False,
) -> Iterator[StyleRule | AtRule]:
    for node in nodes:
        if node.type == "qualified-rule":
            inside = _block(node.content)
            yield StyleRule(
                selectors=read_selectors(node.prelude),
                declarations=_declarations(inside, offset_of),
                within=within,
                nested=nested,
                offset=offset_of(node),
            )
            yield from _read(inside, offset_of, within, nested=True)
        elif node.type == "at-rule":
            prelude = tinycss2.serialize(node.prelude).strip()
            rule = AtRule(node.lower_at_keyword, prelude, offset_of(node), within)
            yield rule
            yield from _read(_block(node.content or ()), offset_of, (*within, rule))


def _block(content: Any) -> Any:
    return tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)


def _declarations(nodes: Iterable[Any], offset_of: Callable[[Any], int]) -> tuple[Declaration, ...]:
    declarations = []
    for node in nodes:
        if node.type == "declaration":
            value = tinycss2.serialize(node.value).strip()
            is_important = bool(node.important)
            declarations.append(Declaration(node.lower_name, value, is_important, offset_of(node)))
    return tuple(declarations)


def _offsets_in(css: str) -> Callable[[Any], int]:
    """Return the function from a node of `tinycss2`, which knows lines and columns, to its
    offset.
    """
    lines = list(accumulate((len(line) + 1 for line in css.split("\n")), initial=0))

    def offset_of(node: Any) -> int:
        line: int = node.source_line
        column: int = node.source_column
        return lines[line - 1] + column - 1

    return offset_of
