"""The decisions in a template: their branches, with lines and names."""

import re
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
    `of_macro`: it is in a macro, so the arguments of a call decide it, and not the values of a mail alone.
    """

    file: str
    number: int
    node: Decision
    otherwise: Sequence[nodes.Node]
    inside: Mapping[Outcome, frozenset[int]]
    of_macro: bool

    @property
    def line(self) -> int:
        return int(self.node.lineno or 1)

    @property
    def test(self) -> nodes.Node:
        return self.node.iter if isinstance(self.node, nodes.For) else getattr(self.node, "test", self.node)

    @property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(Branch(self.file, self.number, outcome) for outcome in _OUTCOMES[type(self.node)])

    def shows_nothing(self, outcome: Outcome) -> bool:
        """Tell whether an outcome has nothing of its own to show: no `else`, an empty `if`, or one turn of a loop."""
        if isinstance(self.node, nodes.CondExpr):
            return outcome == "no" and self.node.expr2 is None
        return outcome == "one" or (outcome != "called" and not self._shown_lines(outcome))

    def lines(self, outcome: Outcome) -> Lines:
        """Return the lines that only this outcome renders, or else the line of the decision."""
        shown = self._shown_lines(outcome) or [self.line]
        return Lines(self.file, shown[0], shown[-1])

    def _shown_lines(self, outcome: Outcome) -> list[int]:
        body: Sequence[nodes.Node] = ()
        if outcome in ("no", "none"):
            body = self.otherwise
        elif isinstance(self.node, nodes.If | nodes.Macro) or outcome == "several":
            body = getattr(self.node, "body", ())
        return sorted({line for node in body for line in _lines_of(node)})


def points_in(tree: nodes.Template, file: str) -> list[Point]:
    """Return the decisions of a file. Equal texts have equal decisions."""
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
        Point(file, nth, one, otherwise.get(id(one), ()), inside.get(id(one), {}), id(one) in of_macros)
        for nth, one in enumerate(found)
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


_LONGEST = 60
_QUESTION = re.compile(r"(?:.*\.)?(?:is|has|can|should|show|was|are|needs|allow)_\w+")
_OPERATORS = {
    "eq": "is",
    "ne": "is not",
    "gt": ">",
    "gteq": ">=",
    "lt": "<",
    "lteq": "<=",
    "in": "in",
    "notin": "not in",
}


def name_of_branch(point: Point, outcome: Outcome) -> str:
    """Return "without company", "status is cancelled", "items is empty"."""
    match node := point.node:
        case nodes.For():
            entries = words_of(node.iter)
            name = {"none": f"{entries} is empty", "one": f"one of {entries}"}.get(outcome, f"several of {entries}")
        case nodes.Macro():
            name = f"{node.name} is called"
        case _:
            name = _answer(node.test, yes=outcome == "yes")
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1].rstrip()}…"


def _answer(test: nodes.Node, *, yes: bool) -> str:
    match test:
        case nodes.Not():
            return _answer(test.node, yes=not yes)
        case nodes.Const():
            return f"if {str(test.value).lower()}" if yes else f"if not {str(test.value).lower()}"
        case nodes.Name() | nodes.Getattr() | nodes.Getitem():
            words = words_of(test)
            if _QUESTION.fullmatch(words):
                return words if yes else f"not {words}"
            return f"with{'' if yes else 'out'} {words}"
    return words_of(test) if yes else f"not ({words_of(test)})"


def words_of(node: nodes.Node) -> str:  # noqa: C901 - a form for each expression
    """Return an expression in a few words, without its long or rare parts."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Const():
            return str(node.value)
        case nodes.Getattr():
            return f"{words_of(node.node)}.{node.attr}"
        case nodes.Getitem():
            return f"{words_of(node.node)}.{words_of(node.arg)}"
        case nodes.Filter() if node.node is not None:
            return f"{words_of(node.node)}|{node.name}"
        case nodes.Test():
            return " ".join([words_of(node.node), "is", node.name, *map(words_of, node.args or ())])
        case nodes.Not():
            return f"not {words_of(node.node)}"
        case nodes.Compare():
            operands = (f"{_OPERATORS[operand.op]} {words_of(operand.expr)}" for operand in node.ops)
            return f"{words_of(node.expr)} {' '.join(operands)}"
        case nodes.List() | nodes.Tuple():
            return ", ".join(map(words_of, node.items))
        case nodes.Call():
            return f"{words_of(node.node)}({', '.join(map(words_of, node.args))})"
        case nodes.BinExpr():
            return f"{words_of(node.left)} {node.operator} {words_of(node.right)}"
    return "…"
