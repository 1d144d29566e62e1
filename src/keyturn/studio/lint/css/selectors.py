"""Selectors of stylesheets, and of `rules.toml` (Selectors Level 4).

Those of `rules.toml` have pseudo-classes of their own:

* `:silent`: an element without a readable text
* `:headed`: a table with header cells
* `:without(name)`: an element in which this attribute is missing or blank
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import tinycss2
from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element

# Outlook.com sets data-ogsc, -ogsb, -ogac or -ogab on recoloured elements and around them
OUTLOOK_MARK = "data-og"
_SIGNS = ("#", ".")
_WITHIN_ONE_TABLE = frozenset(["table"])


class AttributeTest(NamedTuple):
    """A condition on an attribute.

    `operator`: as CSS writes it, "" if the attribute only has to be there. "#" and "." are those of
    an id and a class. "=i" compares without case. "without" asks for a missing or blank attribute.
    """

    name: str
    operator: str
    value: str

    def holds(self, node: Element) -> bool:
        """Tell whether a node meets it. The marks of Outlook.com are assumed."""
        if self.name.startswith(OUTLOOK_MARK):
            return True
        if self.name not in node.attributes:
            return self.operator == "without"
        held = node.get(self.name)
        value = self.value
        match self.operator:
            case "." | "~=":
                return value in held.split()
            case "#" | "=":
                return held == value
            case "":
                return True
            case "|=":
                return held == value or held.startswith(f"{value}-")
            case "^=":
                return held.startswith(value)
            case "$=":
                return held.endswith(value)
            case "*=":
                return value in held
            case "=i":
                return held.strip().lower() == value.lower()
            case "without":
                return not held.strip()
        return False


class Nested(NamedTuple):
    """The selectors within `:is()` or `:not()`, whose name is `pseudo`."""

    pseudo: str
    selectors: "tuple[Selector, ...]"

    def holds(self, node: Element) -> bool:
        """Tell whether a node meets it. The marks of Outlook.com match nothing here."""
        for selector in self.selectors:
            if not selector.has_marks and selector.matches(node):
                return self.pseudo == "is"
        return self.pseudo == "not"


class Compound(Struct):
    """Conditions on one element. `pseudos` are bare names, also those of `nested`."""

    tag: str = ""
    tests: list[AttributeTest] = []
    pseudos: list[str] = []
    nested: list[Nested] = []

    def holds(self, node: Element) -> bool:
        """Tell whether a node matches."""
        if self.tag not in ("", node.tag):
            return False
        for test in self.tests:
            if not test.holds(node):
                return False
        for pseudo in self.pseudos:
            if not _is_in_state(node, pseudo):
                return False
        return all(one.holds(node) for one in self.nested)

    @property
    def names(self) -> list[str]:
        """Its ids and its classes: "#id", ".class"."""
        return [f"{one.operator}{one.value}" for one in self.tests if one.operator in _SIGNS]

    @property
    def attributes(self) -> list[AttributeTest]:
        """Its tests of other attributes."""
        return [one for one in self.tests if one.operator not in _SIGNS]

    def __str__(self) -> str:
        """Return it as CSS, without the arguments of pseudo-classes; "*" alone is empty."""
        parts = [self.tag, *self.names]
        for one in self.attributes:
            parts.append(f"[{one.name}{one.operator}{one.value}]")
        for pseudo in self.pseudos:
            parts.append(f":{pseudo}")
        return "".join(parts)


class Selector(Struct, frozen=True, dict=True):
    """Compounds from left to right, with the combinators between them: " ", ">", "+" or "~"."""

    compounds: tuple[Compound, ...]
    combinators: tuple[str, ...]

    def __str__(self) -> str:
        first, *others = (str(compound) or "*" for compound in self.compounds)
        parts = [first]
        for combinator, compound in zip(self.combinators, others, strict=True):
            if combinator != " ":
                parts.append(combinator)
            parts.append(compound)
        return " ".join(parts)

    @cached_property
    def specificity(self) -> tuple[int, int, int]:
        """The specificity (Selectors Level 4, 17).

        `:is()` and `:not()` have that of the strongest selector within.
        """
        ids = 0
        classes = 0
        tags = 0
        for compound in self.compounds:
            own_ids = sum(test.operator == "#" for test in compound.tests)
            ids += own_ids
            classes += len(compound.tests) - own_ids
            classes += len(compound.pseudos) - len(compound.nested)
            tags += bool(compound.tag)
            for nested in compound.nested:
                strongest = max((one.specificity for one in nested.selectors), default=(0, 0, 0))
                ids += strongest[0]
                classes += strongest[1]
                tags += strongest[2]
        return ids, classes, tags

    @property
    def names(self) -> list[str]:
        names: list[str] = []
        for compound in self.compounds:
            names += compound.names
        return names

    def attribute_names(self) -> set[str]:
        names: set[str] = set()
        for compound in self.compounds:
            names.update(test.name for test in compound.attributes)
        return names

    @cached_property
    def has_marks(self) -> bool:
        return any(name.startswith(OUTLOOK_MARK) for name in self.attribute_names())

    def matches(self, node: Element, last: int = -1) -> bool:
        """Tell whether a node matches its compounds up to the last one, by an index."""
        if not self.compounds[last].holds(node):
            return False
        is_first = -last > len(self.combinators)
        if is_first:
            return True
        related = _related(node, self.combinators[last])
        return any(self.matches(one, last - 1) for one in related)


def _is_in_state(node: Element, pseudo: str) -> bool:
    """Tell whether a pseudo-class holds for an element of a mail at rest; unknown ones never do."""
    match pseudo:
        case "is" | "not":
            return True  # `Compound.nested` says
        case "root":
            return node.tag == "html"
        case "link":
            return node.tag == "a" and "href" in node.attributes
        case "first-child":
            return node.parent is None or node.parent.children[0] is node
        case "last-child":
            return node.parent is not None and node.parent.children[-1] is node
        case "silent":
            return not node.text()
        case "headed":
            return _has_header_cell(node)
    return False


def _has_header_cell(table: Element) -> bool:
    for node in table.below(_WITHIN_ONE_TABLE):
        if isinstance(node, Element) and node.tag == "th":
            return True
    return False


def read_selectors(tokens: Iterable[Any]) -> tuple[Selector, ...]:
    selectors = []
    for group in split_at_commas(tokens):
        selector = _read_selector(group)
        if selector:
            selectors.append(selector)
    return tuple(selectors)


def split_at_commas(tokens: Iterable[Any]) -> list[list[Any]]:
    """Return the groups of tokens between commas, without empty ones."""
    groups: list[list[Any]] = [[]]
    for token in tokens:
        if token == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    return [group for group in groups if group]


def _read_selector(tokens: Iterable[Any]) -> Selector | None:
    """Read a selector. Returns None if it is malformed, which a client drops, too."""
    compounds: list[Compound] = []
    combinators: list[str] = []
    between = ""
    mark = ""
    for token in tokens:
        combinator = _combinator(token, between)
        if combinator:
            between = combinator
            continue
        if between and compounds:
            combinators.append(between)
        if between or not compounds:
            compounds.append(Compound())
        between = ""
        if token in (":", "."):
            mark = token.value
        elif _add_token(compounds[-1], mark, token):
            mark = ""
        else:
            return None
    if not compounds:
        return None
    return Selector(tuple(compounds), tuple(combinators))


def _combinator(token: Any, before: str) -> str:
    """Return the combinator that a token is, or that it leaves as it was `before`; "" if the token
    belongs to a compound.
    """
    if token.type == "whitespace":
        return before or " "
    if token in (">", "+", "~"):
        return str(token.value)
    return ""


def _add_token(compound: Compound, mark: str, token: Any) -> bool:
    """Add a token to a compound; `mark` is the "." or ":" before it. Return whether it is valid."""
    match token.type, mark:
        case "ident", ":":
            compound.pseudos.append(token.lower_value)
        case "function", ":" if token.lower_name == "without":
            compound.tests.append(AttributeTest(tinycss2.serialize(token.arguments), "without", ""))
        case "function", ":":
            compound.pseudos.append(token.lower_name)
            if token.lower_name in ("is", "not"):
                compound.nested.append(Nested(token.lower_name, read_selectors(token.arguments)))
        case "ident", ".":
            compound.tests.append(AttributeTest("class", ".", token.value))
        case "ident", _:
            compound.tag = token.lower_value
        case "hash", _:
            compound.tests.append(AttributeTest("id", "#", token.value))
        case "[] block", _:
            compound.tests.append(_read_attribute(token))
        case _:
            return token in ("*", "&")
    return True


def _read_attribute(block: Any) -> AttributeTest:
    values = []
    for token in block.content:
        if token.type != "whitespace":
            values.append(str(getattr(token, "value", "")))
    if not values:
        return AttributeTest("", "", "")
    name = values[0].lower()
    if len(values) == 1:
        return AttributeTest(name, "", "")
    ignores_case = len(values) == 4 and values[3].lower() == "i"  # [type="text" i]
    if ignores_case:
        return AttributeTest(name, f"{values[1]}i", values[2])
    return AttributeTest(name, "".join(values[1:-1]), values[-1])


def _related(node: Element, combinator: str) -> Iterable[Element]:
    """Return the elements that a combinator means.

    The root stands for what a client puts around a mail.
    """
    if combinator in ("+", "~"):
        before = _siblings_before(node)
        return before[-1:] if combinator == "+" else before
    if combinator == ">":
        return [node.parent] if node.parent else []
    return _above(node)


def _siblings_before(node: Element) -> list[Element]:
    if node.parent is None:
        return []
    siblings = node.parent.children
    return siblings[: siblings.index(node)]


def _above(node: Element) -> Iterator[Element]:
    while node.parent:
        node = node.parent
        yield node
