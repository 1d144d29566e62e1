"""The decisions in a template, with the lines of their branches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jinja2 import nodes

Outcome = Literal["yes", "no", "none", "several"]

KINDS = (nodes.If, nodes.For, nodes.CondExpr)
Decision = nodes.If | nodes.For | nodes.CondExpr

_OUTCOMES: Mapping[type[nodes.Node], tuple[Outcome, ...]] = {
    nodes.If: ("yes", "no"),
    nodes.CondExpr: ("yes", "no"),
    nodes.For: ("several", "none"),
}


class Branch(NamedTuple):
    """An outcome of a decision. `number` counts the decisions of the file in the order of the syntax tree."""

    file: str
    number: int
    outcome: Outcome


class Lines(NamedTuple):
    """Lines of a file from 1, both ends included."""

    file: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A decision. `inside`: the numbers of the decisions within each of its outcomes.

    `otherwise`: the statements for an `if` or a loop that is not taken.
    """

    file: str
    number: int
    node: Decision
    otherwise: Sequence[nodes.Node]
    inside: Mapping[Outcome, frozenset[int]]

    @property
    def test(self) -> nodes.Node:
        return self.node.iter if isinstance(self.node, nodes.For) else self.node.test

    @property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(Branch(self.file, self.number, outcome) for outcome in _OUTCOMES[type(self.node)])

    def shows_nothing(self, outcome: Outcome) -> bool:
        """Tell whether an outcome has nothing of its own to show: no `else`, or an empty `if`."""
        if isinstance(self.node, nodes.CondExpr):
            return outcome == "no" and self.node.expr2 is None
        return not self._shown_lines(outcome)

    def lines(self, outcome: Outcome) -> Lines:
        """Return the lines that only this outcome renders, or else the line of the decision."""
        shown = self._shown_lines(outcome) or [int(self.node.lineno or 1)]
        return Lines(self.file, shown[0], shown[-1])

    def _shown_lines(self, outcome: Outcome) -> list[int]:
        body: Sequence[nodes.Node] = ()
        if outcome in ("no", "none"):
            body = self.otherwise
        elif isinstance(self.node, nodes.If) or outcome == "several":
            body = getattr(self.node, "body", ())
        return sorted({line for node in body for line in _lines_of(node)})


def points_in(tree: nodes.Template, file: str) -> list[Point]:
    """Return the decisions of a file, without those in macros: the arguments of a call decide them."""
    found = decisions_in(tree)
    numbers = {id(node): number for number, node in enumerate(found)}
    of_macros = {id(node) for macro in tree.find_all(nodes.Macro) for node in macro.find_all(KINDS)}

    def within(body: Iterable[nodes.Node]) -> frozenset[int]:
        return frozenset(numbers[id(one)] for node in body for one in _decisions_of(node))

    otherwise: dict[int, Sequence[nodes.Node]] = {}
    inside: dict[int, dict[Outcome, frozenset[int]]] = {}
    for node in found:
        if isinstance(node, nodes.For):
            otherwise[id(node)] = node.else_
            inside[id(node)] = {"several": within(node.body), "none": within(node.else_)}
        elif isinstance(node, nodes.If) and id(node) not in inside:
            questions = [node, *node.elif_]
            for nth, one in enumerate(questions, 1):
                more = questions[nth:]
                otherwise[id(one)] = () if more else node.else_  # what `else` holds belongs to the last question
                inside[id(one)] = {"yes": within(one.body), "no": within([*more, *node.else_])}
    return [
        Point(file, nth, one, otherwise.get(id(one), ()), inside.get(id(one), {}))
        for nth, one in enumerate(found)
        if id(one) not in of_macros
    ]


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
