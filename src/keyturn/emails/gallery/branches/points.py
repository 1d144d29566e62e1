"""The decisions in a template, each with the ways it can go and the lines that a way draws."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jinja2 import nodes

Outcome = Literal["yes", "no", "none", "one", "several", "called"]

KINDS = (nodes.If, nodes.For, nodes.CondExpr, nodes.Macro)
Decision = nodes.If | nodes.For | nodes.CondExpr | nodes.Macro

_OUTCOMES: Mapping[type[nodes.Node], tuple[Outcome, ...]] = {
    nodes.If: ("yes", "no"),
    nodes.CondExpr: ("yes", "no"),
    nodes.For: ("several", "none", "one"),
    nodes.Macro: ("called",),
}


class Branch(NamedTuple):
    """One way that a decision goes. `number` counts the decisions of the file, in the order of the syntax tree."""

    file: str
    number: int
    outcome: Outcome


class Lines(NamedTuple):
    """Names lines of a file, both ends included, from 1."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A decision. `otherwise` is what is drawn where an `if` or a loop is not taken."""

    file: str
    number: int
    node: Decision
    otherwise: Sequence[nodes.Node] = ()

    @property
    def line(self) -> int:
        return int(self.node.lineno or 1)

    @property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(Branch(self.file, self.number, outcome) for outcome in _OUTCOMES[type(self.node)])

    def draws_nothing(self, outcome: Outcome) -> bool:
        """Tell whether nothing is written for it: no `else`, or no more than what several turns of a loop draw."""
        if isinstance(self.node, nodes.CondExpr):
            return outcome == "no" and self.node.expr2 is None
        return outcome == "one" or (outcome in ("no", "none") and not self.otherwise)

    def lines(self, outcome: Outcome) -> Lines:
        """Return the lines that nothing else draws; the decision's own where there are none."""
        body: Sequence[nodes.Node] = ()
        if outcome in ("no", "none"):
            body = self.otherwise
        elif isinstance(self.node, nodes.If | nodes.Macro) or outcome == "several":
            body = getattr(self.node, "body", ())
        drawn = sorted({line for node in body for line in _lines_of(node)})
        return Lines(drawn[0], drawn[-1]) if drawn else Lines(self.line, self.line)


def points_in(tree: nodes.Template, file: str) -> list[Point]:
    """Return the decisions of a file. The same text has the same ones, whoever parses it."""
    found = decisions_in(tree)
    otherwise: dict[int, Sequence[nodes.Node]] = {}
    for node in found:
        if isinstance(node, nodes.If):  # what `else` holds belongs to the last question
            otherwise[id((node.elif_ or [node])[-1])] = node.else_ or otherwise.get(id(node), ())
        elif isinstance(node, nodes.For):
            otherwise[id(node)] = node.else_
    return [Point(file, number, node, otherwise.get(id(node), ())) for number, node in enumerate(found)]


def decisions_in(tree: nodes.Template) -> list[Decision]:
    return list(tree.find_all(KINDS))


def _lines_of(node: nodes.Node) -> Iterator[int]:
    inner: Iterable[nodes.Node] = [node, *node.find_all(nodes.Node)]
    for one in inner:
        if isinstance(one, nodes.TemplateData):
            yield from (int(one.lineno) + nth for nth, text in enumerate(one.data.split("\n")) if text.strip())
        elif not isinstance(one, nodes.Output) and one.lineno:  # an extension's own nodes may stand nowhere
            yield int(one.lineno)
