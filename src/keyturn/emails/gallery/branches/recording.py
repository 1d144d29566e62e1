"""Which branches a drawing takes: calls that Jinja's own code generator writes into the compiled templates."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame

from keyturn.emails.gallery.branches.points import Branch, decisions_in

T = TypeVar("T")


class Recorder:
    """Notes the branches that are taken while it is there."""

    def __init__(self) -> None:
        self._taken: set[Branch] = set()
        self._turns: dict[tuple[str, int], int] = {}
        self.lacking: list[str] = []
        """Names that were printed and that nobody gave, where an engine goes on without them."""

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
    """Note the branches that are taken meanwhile, by templates of `with_recording`."""
    recorder = Recorder()
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


def with_recording(environment: Environment) -> Environment:
    """Return a copy of the environment whose templates note the branches they take, and draw the same."""
    copy = environment.overlay(bytecode_cache=None, enable_async=False)
    copy.code_generator_class = type("Recording", (_Recording, environment.code_generator_class), {})
    for method in (note_answer, note_loop, note_turn, note_call):
        setattr(copy, method.__name__, method)
    return copy


class _Recording(CodeGenerator):
    """Writes code that tells the environment which branch it takes."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja's name
        for number, decision in enumerate(decisions_in(node)):
            _insert_note(decision, self.name or "", number)
        super().visit_Template(node, frame)


def _insert_note(node: nodes.Node, file: str, number: int) -> None:
    match node:
        case nodes.If() | nodes.CondExpr():
            node.test = _call("note_answer", file, number, node.test)
        case nodes.For():
            node.iter = _call("note_loop", file, number, node.iter)
            node.body.insert(0, _statement(_call("note_turn", file, number, at=node)))
        case nodes.Macro():
            node.body.insert(0, _statement(_call("note_call", file, number, at=node)))


def _call(method: str, file: str, number: int, value: nodes.Node | None = None, at: nodes.Node | None = None) -> Any:
    """Return a call of the environment: it hands `value` back."""
    place = value or at
    arguments: list[Any] = [nodes.Const(file), nodes.Const(number), *([value] if value else [])]
    call = nodes.Call(nodes.EnvironmentAttribute(method), arguments, [], None, None)
    if place is not None:
        call.set_lineno(place.lineno)
        call.set_environment(place.environment)  # type: ignore[arg-type]
    return call


def _statement(call: nodes.Call) -> nodes.ExprStmt:
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


def note_lacking(name: str) -> None:
    if recorder := _recorder.get():
        recorder.lacking.append(name)


def _of_turns(loop: tuple[str, int], turns: int) -> Branch:
    return Branch(*loop, "several" if turns > 1 else "one" if turns else "none")
