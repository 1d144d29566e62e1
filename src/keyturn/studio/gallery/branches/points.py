"""The decisions in a template, with the lines of their branches."""

from collections.abc import Iterable, Mapping, Sequence
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
    """A decision.

    `test`: its text without the `not` around it. `is_asked`: whether there is none. `names`: those in the test.
    `lines`: those that one outcome alone renders, or None if it shows nothing. `inside`: the numbers of the decisions
    within each outcome.
    """

    file: str
    number: int
    is_loop: bool
    test: str
    is_asked: bool
    names: frozenset[str]
    lines: Mapping[bool, Lines | None]
    inside: Mapping[bool, frozenset[int]]

    @property
    def branches(self) -> tuple[Branch, ...]:
        return Branch(self.file, self.number, True), Branch(self.file, self.number, False)  # noqa: FBT003


def points_in(tree: nodes.Template, file: str) -> list[Point]:
    """Return the decisions of a file, without those in macros: the arguments of a call decide them."""
    decisions = decisions_in(tree)
    numbers = {id(node): number for number, node in enumerate(decisions)}
    of_macros = {id(node) for macro in tree.find_all(nodes.Macro) for node in decisions_in(macro)}
    behind: dict[int, tuple[Sequence[nodes.Node], Sequence[nodes.Node]]] = {}  # each `elif`, and the `else`
    for node in decisions:
        match node:
            case nodes.If():
                questions = [node, *node.elif_]
                for nth, one in enumerate(questions, 1):
                    behind.setdefault(id(one), (questions[nth:], node.else_))
            case nodes.For():
                behind[id(node)] = (), node.else_
            case _:
                behind[id(node)] = (), [node.expr2] if node.expr2 else []

    def within(*body: nodes.Node) -> frozenset[int]:
        return frozenset(
            numbers[id(one)] for node in body for one in (node, *node.find_all(KINDS)) if id(one) in numbers
        )

    def point(number: int, node: Decision) -> Point:
        questions, otherwise = behind[id(node)]
        is_loop, is_asked = isinstance(node, nodes.For), True
        test = node.iter if isinstance(node, nodes.For) else node.test
        names = frozenset(one.name for one in (test, *test.find_all(nodes.Name)) if isinstance(one, nodes.Name))
        while isinstance(test, nodes.Not):
            test, is_asked = test.node, not is_asked
        body: Sequence[nodes.Node] = [node.expr1] if isinstance(node, nodes.CondExpr) else node.body
        # `else` belongs to the last question.
        lines = {True: _lines(file, body), False: None if questions else _lines(file, otherwise)}
        inside = {True: within(*body), False: within(*questions, *otherwise)}
        return Point(file, number, is_loop, repr(test), is_asked, names, lines, inside)

    return [point(number, node) for number, node in enumerate(decisions) if id(node) not in of_macros]


def decisions_in(tree: nodes.Node) -> list[Decision]:
    return list(tree.find_all(KINDS))


def _lines(file: str, body: Iterable[nodes.Node]) -> Lines | None:
    lines: set[int] = set()
    for one in (inner for node in body for inner in (node, *node.find_all(nodes.Node))):
        if isinstance(one, nodes.TemplateData):
            lines.update(int(one.lineno) + nth for nth, text in enumerate(one.data.split("\n")) if text.strip())
        elif not isinstance(one, nodes.Output) and one.lineno:  # an extension's own nodes may stand nowhere
            lines.add(int(one.lineno))
    return Lines(file, min(lines), max(lines)) if lines else None
