"""The decisions in a template: their branches with lines and names, and a record of those that a rendering takes.

Recording extends Jinja's code generator, which writes calls into compiled templates.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame

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

    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A decision. `otherwise`: the statements for an `if` or a loop that is not taken."""

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
        """Tell whether an outcome has nothing of its own to show: no `else`, an empty `if`, or one turn of a loop."""
        if isinstance(self.node, nodes.CondExpr):
            return outcome == "no" and self.node.expr2 is None
        return outcome == "one" or (outcome != "called" and not self._shown_lines(outcome))

    def lines(self, outcome: Outcome) -> Lines:
        """Return the lines that only this outcome renders, or else the line of the decision."""
        drawn = self._shown_lines(outcome)
        return Lines(drawn[0], drawn[-1]) if drawn else Lines(self.line, self.line)

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
_OPPOSITES = {"eq": "ne", "gt": "lteq", "gteq": "lt", "in": "notin"}
_OPPOSITES |= {opposite: operator for operator, opposite in _OPPOSITES.items()}
_CALCULATIONS: Mapping[type[nodes.Expr], str] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
    nodes.And: "and",
    nodes.Or: "or",
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
        case nodes.Compare() if len(test.ops) == 1 and not yes:
            operand = test.ops[0]
            return f"{words_of(test.expr)} {_OPERATORS[_OPPOSITES[operand.op]]} {words_of(operand.expr)}"
        case nodes.Test() if not yes:
            return f"{words_of(test.node)} is not {_tested(test)}"
    return words_of(test) if yes else f"not ({words_of(test)})"


def words_of(node: nodes.Node) -> str:  # noqa: C901, PLR0912 - a form for each expression
    """Return an expression in a few words, without its long or rare parts."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Const():
            return str(node.value)
        case nodes.Getattr():
            return f"{words_of(node.node)}.{node.attr}"
        case nodes.Getitem() if isinstance(node.arg, nodes.Slice):
            return words_of(node.node)
        case nodes.Getitem():
            return f"{words_of(node.node)}.{words_of(node.arg)}"
        case nodes.Filter() if node.node is not None:
            return f"{words_of(node.node)}|{node.name}"
        case nodes.Test():
            return f"{words_of(node.node)} is {_tested(node)}"
        case nodes.Not():
            return f"not {words_of(node.node)}"
        case nodes.Compare():
            operands = (f"{_OPERATORS[operand.op]} {words_of(operand.expr)}" for operand in node.ops)
            return f"{words_of(node.expr)} {' '.join(operands)}"
        case nodes.List() | nodes.Tuple():
            return ", ".join(map(words_of, node.items))
        case nodes.Call() if isinstance(node.node, nodes.Getattr) and node.node.attr in ("items", "values", "keys"):
            return words_of(node.node.node)
        case nodes.Call():
            return f"{words_of(node.node)}({', '.join(map(words_of, node.args))})"
        case nodes.BinExpr():
            return f"{words_of(node.left)} {_CALCULATIONS.get(type(node), '~')} {words_of(node.right)}"
    return "…"


def _tested(node: nodes.Test) -> str:
    return " ".join([node.name, *map(words_of, node.args or ())])


T = TypeVar("T")


class Recorder:
    def __init__(self) -> None:
        self._taken: set[Branch] = set()
        self._turns: dict[tuple[str, int], int] = {}
        """Printed names without a value, for engines that print nothing for them."""

    @property
    def taken(self) -> frozenset[Branch]:
        return frozenset(self._taken | {_of_turns(loop, turns) for loop, turns in self._turns.items()})

    def note(self, branch: Branch) -> None:
        self._taken.add(branch)

    def begin_loop(self, file: str, number: int) -> None:
        if (before := self._turns.get((file, number))) is not None:
            self._taken.add(_of_turns((file, number), before))
        self._turns[file, number] = 0

    def count_turn(self, file: str, number: int) -> None:
        self._turns[file, number] = self._turns.get((file, number), 0) + 1


_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def record_branches() -> Iterator[Recorder]:
    recorder = Recorder()
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


def with_recording(environment: Environment) -> Environment:
    """Return a copy of the environment whose templates record their branches and render the same."""
    copy = environment.overlay(bytecode_cache=None, enable_async=False)
    copy.code_generator_class = type("Recording", (_Recording, environment.code_generator_class), {})
    for method in (note_answer, note_loop, note_turn, note_call):
        setattr(copy, method.__name__, method)
    return copy


class _Recording(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja's name
        for number, decision in enumerate(decisions_in(node)):
            _insert_note(decision, self.name or "", number)
        super().visit_Template(node, frame)


def _insert_note(node: nodes.Node, file: str, number: int) -> None:
    match node:
        case nodes.If() | nodes.CondExpr():
            node.test = _environment_call("note_answer", file, number, node.test)
        case nodes.For():
            node.iter = _environment_call("note_loop", file, number, node.iter)
            node.body.insert(0, _call_statement(_environment_call("note_turn", file, number, at=node)))
        case nodes.Macro():
            node.body.insert(0, _call_statement(_environment_call("note_call", file, number, at=node)))


def _environment_call(
    method: str, file: str, number: int, value: nodes.Node | None = None, at: nodes.Node | None = None
) -> Any:
    """Return a call of the environment's method, which returns `value`."""
    place = value or at
    arguments: list[Any] = [nodes.Const(file), nodes.Const(number), *([value] if value else [])]
    call = nodes.Call(nodes.EnvironmentAttribute(method), arguments, [], None, None)
    if place is not None:
        call.set_lineno(place.lineno)
        call.set_environment(place.environment)  # type: ignore[arg-type]
    return call


def _call_statement(call: nodes.Call) -> nodes.ExprStmt:
    return nodes.ExprStmt(call, lineno=call.lineno, environment=call.environment)


def note_answer(file: str, number: int, value: T) -> T:
    if recorder := _recorder.get():
        recorder.note(Branch(file, number, "yes" if value else "no"))
    return value


def note_loop(file: str, number: int, entries: T) -> T:
    if recorder := _recorder.get():
        recorder.begin_loop(file, number)
    return entries


def note_turn(file: str, number: int) -> None:
    if recorder := _recorder.get():
        recorder.count_turn(file, number)


def note_call(file: str, number: int) -> None:
    if recorder := _recorder.get():
        recorder.note(Branch(file, number, "called"))


def _of_turns(loop: tuple[str, int], turns: int) -> Branch:
    return Branch(*loop, "several" if turns > 1 else "one" if turns else "none")
