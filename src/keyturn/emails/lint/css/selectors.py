"""Selectors: what mails use of Selectors Level 4, read from tinycss2's tokens and matched against a drawn mail."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinycss2.ast import FunctionBlock, HashToken, IdentToken, LiteralToken, SquareBracketsBlock, WhitespaceToken

from keyturn.mail.rendering.html_tree import Element

_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda *_: True,
    "=": lambda held, value: held == value,
    "~=": lambda held, value: value in held.split(),
    "|=": lambda held, value: held == value or held.startswith(f"{value}-"),
    "^=": str.startswith,
    "$=": str.endswith,
    "*=": lambda held, value: value in held,
}


@dataclass(slots=True)
class Compound:
    """Describes what one element must be like.

    `attributes` are (name, operator, value); `pseudos` their names, without colons and arguments.
    """

    tag: str = ""
    id: str = ""
    classes: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    pseudos: list[str] = field(default_factory=list)

    def holds(self, node: Element, granted: str = "") -> bool:
        """Tell whether a node is meant. Attributes whose names begin with `granted` are taken as given."""
        if self.tag not in ("", node.tag) or (self.id and node.get("id") != self.id):
            return False  # first of all, and without more ado: nearly every rule ends here
        return (
            (not self.classes or set(self.classes) <= set(node.get("class").split()))
            and all(
                _has_attribute(node, *one) for one in self.attributes if not granted or not one[0].startswith(granted)
            )
            and all(_is_in_state(node, pseudo) for pseudo in self.pseudos)
        )

    def __str__(self) -> str:
        """Return it as CSS, without the arguments of pseudo-classes; "*" alone is empty."""
        held = [f"[{name}{operator}{value}]" for name, operator, value in self.attributes]
        named = [*(f".{one}" for one in self.classes), *held, *(f":{one}" for one in self.pseudos)]
        return self.tag + (f"#{self.id}" if self.id else "") + "".join(named)


@dataclass(frozen=True, slots=True)
class Selector:
    """Chains compounds from left to right, and what stands between them: " ", ">", "+" or "~"."""

    compounds: tuple[Compound, ...]
    combinators: tuple[str, ...]

    def __str__(self) -> str:
        parts = [str(self.compounds[0]) or "*"]
        for combinator, compound in zip(self.combinators, self.compounds[1:], strict=True):
            parts.append(f"{combinator.strip()} {str(compound) or '*'}".strip())
        return " ".join(parts)

    @property
    def specificity(self) -> tuple[int, int, int]:
        """As Selectors Level 4, section 17, counts it."""
        ids = sum(bool(compound.id) for compound in self.compounds)
        classes = sum(len(one.classes) + len(one.attributes) + len(one.pseudos) for one in self.compounds)
        return ids, classes, sum(bool(compound.tag) for compound in self.compounds)

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
    """Return the selectors of a rule's prelude, without those that cannot be read."""
    groups: list[list[Any]] = [[]]
    for token in tokens:
        if isinstance(token, LiteralToken) and token.value == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    return tuple(selector for group in groups if (selector := _read_selector(group)))


def _read_selector(tokens: list[Any]) -> Selector | None:
    """Read one selector, or return None: a client drops what it cannot read, and so is it here."""
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
    """Add a token to a compound; `mark` is the "." or ":" before it. Return whether it could be read."""
    match token:
        case IdentToken() if mark == ":":
            compound.pseudos.append(token.lower_value)
        case FunctionBlock() if mark == ":":
            compound.pseudos.append(token.lower_name)
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
    return (values[0].lower() if values else "", "".join(values[1:-1]), values[-1] if len(values) > 1 else "")


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
            while above is not None:
                yield above
                above = above.parent


def _has_attribute(node: Element, name: str, operator: str, value: str) -> bool:
    return name in node.attributes and operator in _OPERATORS and _OPERATORS[operator](node.get(name), value)


def _is_in_state(node: Element, pseudo: str) -> bool:
    """Tell whether a mail that nobody touches is in this state. What is not known here is taken as false."""
    match pseudo:
        case "root":
            return node.tag == "html"
        case "link":
            return node.tag == "a" and "href" in node.attributes
        case "first-child":
            return not node.elder_siblings()
        case "last-child":
            return node.parent is not None and node.parent.children[-1] is node
    return False
