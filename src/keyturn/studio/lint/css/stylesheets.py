"""Stylesheets with the places of rules, declarations and at-rules (tinycss2, CSS Syntax Level 3),
and their selectors.

Those of `rules.toml` have pseudo-classes of their own: `:silent`, an element without a readable
text, `:headed`, a table with header cells, and `:without(name)`, an element in which this attribute
is missing or blank.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import accumulate, groupby
from typing import Any

import tinycss2
from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element

# Outlook.com sets data-ogsc, -ogsb, -ogac or -ogab on recoloured elements and around them
OUTLOOK_MARK = "data-og"
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda *_: True,
    "#": str.__eq__,
    ".": lambda held, value: value in held.split(),
    "=": str.__eq__,
    "~=": lambda held, value: value in held.split(),
    "|=": lambda held, value: held == value or held.startswith(f"{value}-"),
    "^=": str.startswith,
    "$=": str.endswith,
    "*=": lambda held, value: value in held,
    "=i": lambda held, value: held.strip().lower() == value.lower(),
    "without": lambda held, _: not held.strip(),
}
_SIGNS = ("#", ".")
_NESTED = frozenset(["table"])
_STATES: Mapping[
    str, Callable[[Element], bool]
] = {  # of elements in a mail at rest; others never hold
    "root": lambda node: node.tag == "html",
    "link": lambda node: node.tag == "a" and "href" in node.attributes,
    "first-child": lambda node: node.parent is None or node.parent.children[0] is node,
    "last-child": lambda node: node.parent is not None and node.parent.children[-1] is node,
    "silent": lambda node: not node.text(),
    "headed": lambda node: any(
        isinstance(one, Element) and one.tag == "th" for one in node.below(_NESTED)
    ),
    "is": lambda _: True,  # `Compound.nested` says
    "not": lambda _: True,
}
# A number that is beyond every float. tinycss2 makes an integer of it, which Python refuses from
# 4,301 digits on.
_HUGE = re.compile(r"\d{301,}")
_BRACKET = re.compile(r"[(){}\[\]]")
_DEEPEST = 100


class Compound(Struct):
    """Conditions on one element: tests of attributes (name, operator, value), "#" and "." for an id
    and a class.

    `pseudos` are bare names. `nested`: the selectors within each `:is()` and `:not()`.
    """

    tag: str = ""
    tests: list[tuple[str, str, str]] = []
    pseudos: list[str] = []
    nested: "list[tuple[str, tuple[Selector, ...]]]" = []

    def holds(self, node: Element) -> bool:
        """Tell whether a node matches.

        The marks of Outlook.com are assumed, but not within `:is()` and `:not()`.
        """
        return (
            self.tag in ("", node.tag)
            and all(_has_attribute(node, *one) for one in self.tests)
            and all(pseudo in _STATES and _STATES[pseudo](node) for pseudo in self.pseudos)
            and all(
                any(not one.has_marks and one.matches(node) for one in those) == (name == "is")
                for name, those in self.nested
            )
        )

    @property
    def names(self) -> list[str]:
        """Its ids and its classes: "#id", ".class"."""
        return [f"{operator}{value}" for _, operator, value in self.tests if operator in _SIGNS]

    @property
    def attributes(self) -> list[tuple[str, str, str]]:
        """Its tests of other attributes."""
        return [test for test in self.tests if test[1] not in _SIGNS]

    def __str__(self) -> str:
        """Return it as CSS, without the arguments of pseudo-classes; "*" alone is empty."""
        held = (f"[{name}{operator}{value}]" for name, operator, value in self.attributes)
        return "".join([self.tag, *self.names, *held, *(f":{one}" for one in self.pseudos)])


class Selector(Struct, frozen=True, dict=True):
    """Compounds from left to right, with the combinators between them: " ", ">", "+" or "~"."""

    compounds: tuple[Compound, ...]
    combinators: tuple[str, ...]

    def __str__(self) -> str:
        parts = [str(self.compounds[0]) or "*"]
        for combinator, compound in zip(self.combinators, self.compounds[1:], strict=True):
            parts.append(f"{combinator.strip()} {str(compound) or '*'}".strip())
        return " ".join(parts)

    @cached_property
    def specificity(self) -> tuple[int, int, int]:
        """The specificity (Selectors Level 4, 17).

        `:is()` and `:not()` have that of the strongest selector within.
        """
        parts = [(0, 0, 0)]
        for one in self.compounds:
            ids = sum(operator == "#" for _, operator, _ in one.tests)
            classes = len(one.tests) - ids + len(one.pseudos) - len(one.nested)
            parts += [
                max((each.specificity for each in those), default=(0, 0, 0))
                for _, those in one.nested
            ]
            parts.append((ids, classes, bool(one.tag)))
        ids, classes, tags = map(sum, zip(*parts, strict=True))
        return ids, classes, tags

    @property
    def names(self) -> list[str]:
        return [name for one in self.compounds for name in one.names]

    def attribute_names(self) -> set[str]:
        return {name for compound in self.compounds for name, _, _ in compound.attributes}

    @cached_property
    def has_marks(self) -> bool:
        return any(name.startswith(OUTLOOK_MARK) for name in self.attribute_names())

    def matches(self, node: Element, last: int = -1) -> bool:
        """Tell whether a node matches its compounds up to the last one, by an index."""
        if not self.compounds[last].holds(node):
            return False
        before = -last <= len(self.combinators)
        return not before or any(
            self.matches(one, last - 1) for one in _related(node, self.combinators[last])
        )


def read_selectors(tokens: Iterable[Any]) -> tuple[Selector, ...]:
    return tuple(
        selector for group in split_at_commas(tokens) if (selector := _read_selector(group))
    )


def split_at_commas(tokens: Iterable[Any]) -> list[list[Any]]:
    return [
        [*group] for is_comma, group in groupby(tokens, lambda token: token == ",") if not is_comma
    ]


def _read_selector(tokens: list[Any]) -> Selector | None:
    """Read a selector. Returns None if it is malformed, which a client drops, too."""
    compounds: list[Compound] = []
    combinators: list[str] = []
    between, mark = "", ""
    for token in tokens:
        if token.type == "whitespace" or token in (">", "+", "~"):
            between = between or " " if token.type == "whitespace" else token.value
            continue
        if between or not compounds:
            combinators += [between] if compounds else []
            compounds.append(Compound())
            between = ""
        if token in (":", "."):
            mark = token.value
        elif _add_token(compounds[-1], mark, token):
            mark = ""
        else:
            return None
    return Selector(tuple(compounds), tuple(combinators)) if compounds else None


def _add_token(compound: Compound, mark: str, token: Any) -> bool:
    """Add a token to a compound; `mark` is the "." or ":" before it. Return whether it is valid."""
    match token.type, mark:
        case "ident", ":":
            compound.pseudos.append(token.lower_value)
        case "function", ":" if token.lower_name == "without":
            compound.tests.append((tinycss2.serialize(token.arguments), "without", ""))
        case "function", ":":
            compound.pseudos.append(token.lower_name)
            if token.lower_name in ("is", "not"):
                compound.nested.append((token.lower_name, read_selectors(token.arguments)))
        case "ident", ".":
            compound.tests.append(("class", ".", token.value))
        case "ident", _:
            compound.tag = token.lower_value
        case "hash", _:
            compound.tests.append(("id", "#", token.value))
        case "[] block", _:
            compound.tests.append(_read_attribute(token))
        case _:
            return token in ("*", "&")
    return True


def _read_attribute(block: Any) -> tuple[str, str, str]:
    parts = [token for token in block.content if token.type != "whitespace"]
    values = [str(getattr(token, "value", "")) for token in parts]
    if [*map(str.lower, values[3:])] == ["i"]:  # of either case: [type="text" i]
        values = [values[0], f"{values[1]}i", values[2]]
    return (
        values[0].lower() if values else "",
        "".join(values[1:-1]),
        values[-1] if len(values) > 1 else "",
    )


def _related(node: Element, combinator: str) -> Iterator[Element]:
    """Yield the elements that a combinator means.

    The root stands for what a client puts around a mail.
    """
    if combinator in ("+", "~"):
        siblings = node.parent.children if node.parent else [node]
        yield from siblings[: siblings.index(node)][-1 if combinator == "+" else 0 :]
        return
    while node.parent:
        yield (node := node.parent)
        if combinator == ">":
            return


def _has_attribute(node: Element, name: str, operator: str, value: str) -> bool:
    is_there = operator in _OPERATORS and (name in node.attributes or operator == "without")
    return name.startswith(OUTLOOK_MARK) or (
        is_there and _OPERATORS[operator](node.get(name), value)
    )


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
        marks = {"data-ogs"} if any(selector.has_marks for selector in self.selectors) else set()
        return marks | set(re.findall("prefers-color-scheme(?::dark)?", queries))


class Stylesheet(Struct, frozen=True):
    """The readable rules of a stylesheet."""

    rules: tuple[StyleRule, ...]
    at_rules: tuple[AtRule, ...]


def parseable(css: str) -> str:
    """Return text of the same length without huge integers and deep brackets, which `tinycss2`
    cannot read.
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
    nodes = tinycss2.parse_stylesheet(parseable(css), skip_comments=True, skip_whitespace=True)
    parts = [*_read(nodes, _offsets_in(css))]
    rules = tuple(one for one in parts if isinstance(one, StyleRule))
    return Stylesheet(rules, tuple(one for one in parts if isinstance(one, AtRule)))


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
            inside, selectors = _block(node.content), read_selectors(node.prelude)
            yield StyleRule(
                selectors, _declarations(inside, offset_of), within, nested, offset_of(node)
            )
            yield from _read(inside, offset_of, within, nested=True)
        elif node.type == "at-rule":
            rule = AtRule(
                node.lower_at_keyword,
                tinycss2.serialize(node.prelude).strip(),
                offset_of(node),
                within,
            )
            yield rule
            yield from _read(_block(node.content or ()), offset_of, (*within, rule))


def _block(content: Any) -> Any:
    return tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)


def _declarations(nodes: Iterable[Any], offset_of: Callable[[Any], int]) -> tuple[Declaration, ...]:
    return tuple(
        Declaration(
            node.lower_name,
            tinycss2.serialize(node.value).strip(),
            bool(node.important),
            offset_of(node),
        )
        for node in nodes
        if node.type == "declaration"
    )


def _offsets_in(css: str) -> Callable[[Any], int]:
    lines = list(accumulate((len(line) + 1 for line in css.split("\n")), initial=0))
    return lambda node: lines[node.source_line - 1] + node.source_column - 1
