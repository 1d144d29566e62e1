"""The decisions in a template, with the lines of their branches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jinja2 import nodes

KINDS = (nodes.If, nodes.For, nodes.CondExpr)
Decision = nodes.If | nodes.For | nodes.CondExpr


class Branch(NamedTuple):
    """An outcome of a decision. `number` counts the decisions of the file in the order of the syntax tree.

    `holds`: whether a test is true, or a loop has several entries instead of none.
    """

    file: str
    number: int
    holds: bool


class Lines(NamedTuple):
    """Lines of a file from 1, both ends included."""

    file: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A decision. `shown`: what each outcome alone renders. `inside`: the numbers of the decisions within each."""

    file: str
    number: int
    node: Decision
    shown: Mapping[bool, Sequence[nodes.Node]]
    inside: Mapping[bool, frozenset[int]]

    @property
    def test(self) -> nodes.Node:
        return self.node.iter if isinstance(self.node, nodes.For) else self.node.test

    @property
    def branches(self) -> tuple[Branch, ...]:
        return Branch(self.file, self.number, True), Branch(self.file, self.number, False)  # noqa: FBT003

    def lines(self, holds: bool) -> Lines | None:
        """Return the lines that only this outcome renders, or None if it shows nothing: no `else`, or an empty `if`."""
        lines = {line for node in self.shown[holds] for line in _lines_of(node)}
        return Lines(self.file, min(lines), max(lines)) if lines else None


def points_in(tree: nodes.Template, file: str) -> list[Point]:
    """Return the decisions of a file, without those in macros: the arguments of a call decide them."""
    decisions = decisions_in(tree)
    numbers = {id(node): number for number, node in enumerate(decisions)}
    of_macros = {id(node) for macro in tree.find_all(nodes.Macro) for node in macro.find_all(KINDS)}

    def within(body: Iterable[nodes.Node]) -> frozenset[int]:
        return frozenset(numbers[id(one)] for node in body for one in _decisions_of(node))

    behind: dict[int, tuple[Sequence[nodes.Node], Sequence[nodes.Node]]] = {}  # each `elif`, and the `else`
    for node in decisions:
        match node:
            case nodes.If() if id(node) not in behind:
                questions = [node, *node.elif_]
                behind |= {id(one): (questions[nth:], node.else_) for nth, one in enumerate(questions, 1)}
            case nodes.For():
                behind[id(node)] = (), node.else_
            case nodes.CondExpr() if node.expr2:
                behind[id(node)] = (), [node.expr2]

    def point(number: int, node: Decision) -> Point:
        questions, otherwise = behind.get(id(node), ((), ()))
        body: Sequence[nodes.Node] = [node.expr1] if isinstance(node, nodes.CondExpr) else node.body
        shown = {True: body, False: () if questions else otherwise}  # `else` belongs to the last question
        return Point(file, number, node, shown, {True: within(body), False: within([*questions, *otherwise])})

    return [point(number, node) for number, node in enumerate(decisions) if id(node) not in of_macros]


def _decisions_of(node: nodes.Node) -> list[Decision]:
    return [*([node] if isinstance(node, KINDS) else []), *decisions_in(node)]


def decisions_in(tree: nodes.Node) -> list[Decision]:
    return list(tree.find_all(KINDS))


def _lines_of(node: nodes.Node) -> Iterator[int]:
    inner: Iterable[nodes.Node] = [node, *node.find_all(nodes.Node)]
    for one in inner:
        if isinstance(one, nodes.TemplateData):
            yield from (int(one.lineno) + nth for nth, text in enumerate(one.data.split("\n")) if text.strip())
        elif not isinstance(one, nodes.Output) and one.lineno:  # an extension's own nodes may stand nowhere
            yield int(one.lineno)
