"""Stylesheets with the places of rules, declarations and at-rules (tinycss2, CSS Syntax Level 3), and their selectors.

Selectors are read from tinycss2's tokens: the part of Selectors Level 4 that mails use. Those of `rules.toml` have two
pseudo-classes of their own: `:silent`, an element without a readable text, and `:without(name)`, one in which this
attribute is missing or blank.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any

import tinycss2
from msgspec import Struct
from tinycss2.ast import AtRule as AtNode
from tinycss2.ast import Declaration as DeclarationNode
from tinycss2.ast import (
    FunctionBlock,
    HashToken,
    IdentToken,
    LiteralToken,
    QualifiedRule,
    SquareBracketsBlock,
    WhitespaceToken,
)

from keyturn.mail.rendering.html_tree import Element

_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda *_: True,
    "=": lambda held, value: held == value,
    "~=": lambda held, value: value in held.split(),
    "|=": lambda held, value: held == value or held.startswith(f"{value}-"),
    "^=": str.startswith,
    "$=": str.endswith,
    "*=": lambda held, value: value in held,
    "=i": lambda held, value: held.strip().lower() == value.lower(),
}


@dataclass(slots=True)
class Compound:
    """Conditions on one element.

    `attributes` are (name, operator, value). `pseudos` are names without colons and arguments. `nested`: the
    selectors within each `:is()` and `:not()`.
    """

    tag: str = ""
    id: str = ""
    classes: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    pseudos: list[str] = field(default_factory=list)
    nested: "list[tuple[str, tuple[Selector, ...]]]" = field(default_factory=list)

    def holds(self, node: Element, granted: str = "") -> bool:
        """Tell whether a node matches. Attributes whose names begin with `granted` are assumed."""
        if self.tag not in ("", node.tag) or (self.id and node.get("id") != self.id):
            return False  # first, since nearly every rule ends here
        return (
            (not self.classes or set(self.classes) <= set(node.get("class").split()))
            and all(
                _has_attribute(node, *one) for one in self.attributes if not granted or not one[0].startswith(granted)
            )
            and all(_is_in_state(node, pseudo) for pseudo in self.pseudos)
            and all(any(one.matches(node, granted) for one in those) == (name == "is") for name, those in self.nested)
        )

    def __str__(self) -> str:
        """Return it as CSS, without the arguments of pseudo-classes; "*" alone is empty."""
        held = [f"[{name}{operator}{value}]" for name, operator, value in self.attributes]
        named = [*(f".{one}" for one in self.classes), *held, *(f":{one}" for one in self.pseudos)]
        return self.tag + (f"#{self.id}" if self.id else "") + "".join(named)


class Selector(Struct, frozen=True):
    """Compounds from left to right, with the combinators between them: " ", ">", "+" or "~"."""

    compounds: tuple[Compound, ...]
    combinators: tuple[str, ...]

    def __str__(self) -> str:
        parts = [str(self.compounds[0]) or "*"]
        for combinator, compound in zip(self.combinators, self.compounds[1:], strict=True):
            parts.append(f"{combinator.strip()} {str(compound) or '*'}".strip())
        return " ".join(parts)

    @property
    def specificity(self) -> tuple[int, int, int]:
        """The specificity (Selectors Level 4, 17). `:is()` and `:not()` have that of the strongest selector within."""
        ids = sum(bool(compound.id) for compound in self.compounds)
        classes = sum(len(one.classes) + len(one.attributes) + len(one.pseudos) for one in self.compounds)
        tags = sum(bool(compound.tag) for compound in self.compounds)
        for those in (those for compound in self.compounds for _, those in compound.nested):
            strongest = max((one.specificity for one in those), default=(0, 0, 0))
            ids, classes, tags = ids + strongest[0], classes + strongest[1] - 1, tags + strongest[2]
        return ids, classes, tags

    def attribute_names(self) -> set[str]:
        return {name for compound in self.compounds for name, _, _ in compound.attributes}

    def matches(self, node: Element, granted: str = "") -> bool:
        last = len(self.compounds) - 1
        return self.compounds[last].holds(node, granted) and self._holds_before(last, node, granted)

    def _holds_before(self, index: int, node: Element, granted: str) -> bool:
        if index == 0:
            return True
        compound = self.compounds[index - 1]
        return any(
            compound.holds(other, granted) and self._holds_before(index - 1, other, granted)
            for other in _related_elements(node, self.combinators[index - 1])
        )


def read_selectors(tokens: Iterable[Any]) -> tuple[Selector, ...]:
    return tuple(selector for group in split_at_commas(tokens) if (selector := _read_selector(group)))


def split_at_commas(tokens: Iterable[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = [[]]
    for token in tokens:
        if isinstance(token, LiteralToken) and token.value == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    return groups


def _read_selector(tokens: list[Any]) -> Selector | None:
    """Read a selector. Returns None if it is malformed, which a client drops, too."""
    compounds: list[Compound] = []
    combinators: list[str] = []
    between, mark = "", ""
    for token in tokens:
        literal = token.value if isinstance(token, LiteralToken) else ""
        if isinstance(token, WhitespaceToken) or literal in (">", "+", "~"):
            between = literal or between or " "
            continue
        if between or not compounds:
            combinators += [between] if compounds else []
            compounds.append(Compound())
            between = ""
        if literal in (":", "."):
            mark = literal
        elif _add_token(compounds[-1], mark, token, literal):
            mark = ""
        else:
            return None
    return Selector(tuple(compounds), tuple(combinators)) if compounds else None


def _add_token(compound: Compound, mark: str, token: Any, literal: str) -> bool:
    """Add a token to a compound; `mark` is the "." or ":" before it. Return whether it is valid."""
    match token:
        case IdentToken() if mark == ":":
            compound.pseudos.append(token.lower_value)
        case FunctionBlock(lower_name="without") if mark == ":":
            compound.attributes.append((tinycss2.serialize(token.arguments), "without", ""))
        case FunctionBlock() if mark == ":":
            compound.pseudos.append(token.lower_name)
            if token.lower_name in _NESTING:
                compound.nested.append((token.lower_name, read_selectors(token.arguments)))
        case IdentToken() if mark == ".":
            compound.classes.append(token.value)
        case IdentToken():
            compound.tag = token.lower_value
        case HashToken():
            compound.id = token.value
        case SquareBracketsBlock():
            compound.attributes.append(_read_attribute(token))
        case _:
            return literal in ("*", "&")
    return True


def _read_attribute(block: SquareBracketsBlock) -> tuple[str, str, str]:
    parts = [token for token in block.content if not isinstance(token, WhitespaceToken)]
    values = [str(getattr(token, "value", "")) for token in parts]
    if len(values) == _WITH_FLAG and values[-1].lower() == "i":
        values = [values[0], f"{values[1]}i", values[2]]
    return (values[0].lower() if values else "", "".join(values[1:-1]), values[-1] if len(values) > 1 else "")


_WITH_FLAG = 4
"""The parts of an attribute selector with the flag of either case: [type="text" i]."""

_NESTING = ("is", "not")


def _related_elements(node: Element, combinator: str) -> Iterator[Element]:
    match combinator:
        case ">":
            yield from () if node.parent is None else (node.parent,)
        case "+":
            yield from node.elder_siblings()[-1:]
        case "~":
            yield from node.elder_siblings()
        case _:
            above = node.parent
            while above is not None:  # with the root, which stands for what a client puts around a mail
                yield above
                above = above.parent


def _has_attribute(node: Element, name: str, operator: str, value: str) -> bool:
    if operator == "without":
        return not node.get(name).strip()
    return name in node.attributes and operator in _OPERATORS and _OPERATORS[operator](node.get(name), value)


def _is_in_state(node: Element, pseudo: str) -> bool:
    """Tell whether an element has this state in a mail at rest. Unknown states are false."""
    match pseudo:
        case "root":
            return node.tag == "html"
        case "link":
            return node.tag == "a" and "href" in node.attributes
        case "first-child":
            return not node.elder_siblings()
        case "is" | "not":
            return True  # `Compound.nested` says
        case "silent":
            return not node.text()
        case "last-child":
            return node.parent is not None and node.parent.children[-1] is node
    return False


_HUGE = re.compile(r"\d{301,}")
"""A number that is beyond every float. tinycss2 makes an integer of it, which Python refuses from 4,301 digits on."""


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


@dataclass(frozen=True, slots=True, eq=False)
class StyleRule:
    """A style rule. Rules are compared by identity.

    `within`: the at-rules around it, the outermost first. `nested`: it is inside another rule, which few clients read.
    """

    selectors: tuple[Selector, ...]
    declarations: tuple[Declaration, ...]
    within: tuple[AtRule, ...]
    nested: bool
    offset: int


class Stylesheet(Struct, frozen=True):
    """The readable rules of a stylesheet."""

    rules: tuple[StyleRule, ...]
    at_rules: tuple[AtRule, ...]


_BRACKET = re.compile(r"[(){}\[\]]")
_DEEPEST = 100


def parseable(css: str) -> str:
    """Return text of the same length that `tinycss2` reads without an error.

    A huge integer becomes an exponent, which CSS reads as infinity. Brackets that are nested too deeply become blanks.
    """
    css = _HUGE.sub(lambda match: "1e" + "9" * (len(match[0]) - 2), css)
    depth = 0

    def keep(bracket: re.Match[str]) -> str:
        nonlocal depth
        is_deep = depth >= _DEEPEST if bracket[0] in "([{" else depth > _DEEPEST
        depth = depth + 1 if bracket[0] in "([{" else max(depth - 1, 0)
        return " " if is_deep else bracket[0]

    return _BRACKET.sub(keep, css) if sum(map(css.count, "([{")) > _DEEPEST else css


@lru_cache(64)
def read_stylesheet(css: str) -> Stylesheet:
    """Parse a stylesheet. Malformed parts are left out, as clients leave them out."""
    reader = _Reader(css)
    reader.read(tinycss2.parse_stylesheet(parseable(css), skip_comments=True, skip_whitespace=True), ())
    return Stylesheet(tuple(reader.rules), tuple(reader.at_rules))


@lru_cache(512)
def read_style(style: str) -> tuple[Declaration, ...]:
    nodes = tinycss2.parse_blocks_contents(parseable(style), skip_comments=True)
    return tuple(_Reader(style).declarations(nodes))


class _Reader:
    """Parses a stylesheet with offsets."""

    def __init__(self, css: str) -> None:
        self._lines = list(accumulate((len(line) + 1 for line in css.split("\n")), initial=0))
        self.rules: list[StyleRule] = []
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
            StyleRule(
                read_selectors(node.prelude), tuple(self.declarations(inside)), within, nested, self._offset(node)
            )
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
