"""Renders a mail through chosen branches: a `Way` forces outcomes, and notes them, by calls in the
trees of the templates.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, TypeVar

from jinja2 import BytecodeCache, Environment, nodes

from keyturn.context_values import within
from keyturn.studio.gallery.samples import Branch
from keyturn.studio.gallery.syntax_trees import method_call, with_tree_change
from keyturn.studio.gallery.variables.missing_names import stand_in_for
from keyturn.studio.gallery.variables.recording_value import TargetShape
from keyturn.studio.gallery.variables.unpacking import shape_of, stand_in_of

T = TypeVar("T")

_KINDS = (nodes.If, nodes.For, nodes.CondExpr)
Decision = nodes.If | nodes.For | nodes.CondExpr

_TURNS = 2  # turns of a loop that is forced to take several


def decisions_in(*trees: nodes.Node) -> list[Decision]:
    decisions: list[Decision] = []
    for tree in trees:
        decisions += tree.find_all(_KINDS)
    return decisions


class Way:
    """A way through the decisions of a mail.

    `forced`: the outcomes that it forces; the others follow the values.
    """

    def __init__(self, forced: Collection[Branch] = ()) -> None:
        self.forced: dict[tuple[str, int], bool] = {}
        for branch in forced:
            self.forced[branch.file, branch.number] = branch.holds
        self.taken: set[Branch] = set()

    def choose(self, file: str, number: int) -> bool | None:
        """Return the outcome to force, or None to follow the values."""
        return self.forced.get((file, number))

    def note(self, file: str, number: int, holds: bool) -> None:
        self.taken.add(Branch(file, number, holds))


_way: ContextVar[Way] = ContextVar("way")


def on_way(way: Way) -> AbstractContextManager[Way]:
    return within(_way, way)


def with_forcing(environment: Environment, compiled: BytecodeCache | None = None) -> Environment:
    """Return a copy of the environment whose templates take the current way, and render the same
    without one.
    """
    copy = with_tree_change(
        environment, _let_force, _CALLED, bytecode_cache=compiled, enable_async=False
    )
    if copy.finalize is None:
        copy.finalize = _show_none
    return copy


def _show_none(value: T) -> T | str:
    """Show a stand-in for a None that is printed: behind a forced decision it is no mistake."""
    if value is None and _way.get(None) is not None:
        return stand_in_for("none")
    return value


def _let_force(tree: nodes.Template, file: str) -> nodes.Template:
    """Let the current way decide each decision of a template."""
    for number, decision in enumerate(decisions_in(tree)):
        _insert_calls(decision, file, number)
    return tree


def _insert_calls(node: Decision, file: str, number: int) -> None:
    """Let a test be `note_answer(forced_answer() if is_forced() else test)`, and a loop go through
    `enter_loop(entries)`.
    """
    decision = nodes.Const(file), nodes.Const(number)
    if isinstance(node, nodes.For):
        shape = nodes.Const(shape_of(node.target))
        node.iter = method_call(enter_loop.__name__, node.iter, *decision, node.iter, shape)
        return
    answer = nodes.CondExpr(
        method_call(is_forced.__name__, node, *decision),
        method_call(forced_answer.__name__, node, *decision),
        node.test,
        lineno=node.test.lineno,
    )
    if node.environment:
        answer.set_environment(node.environment)
    node.test = method_call(note_answer.__name__, answer, *decision, answer)


def is_forced(file: str, number: int) -> bool:
    way = _way.get(None)
    return way is not None and way.choose(file, number) is not None


def forced_answer(file: str, number: int) -> bool:
    return bool(_way.get().choose(file, number))


def note_answer(file: str, number: int, value: T) -> T:
    way = _way.get(None)
    if way is not None:
        way.note(file, number, bool(value))
    return value


def enter_loop(file: str, number: int, entries: Iterable[Any], shape: TargetShape) -> Iterable[Any]:
    """Return the entries of a loop: a forced one takes none or several of them, or stand-ins in
    their place.
    """
    way = _way.get(None)
    if way is None:
        return entries
    turns = list(entries)
    holds = way.choose(file, number)
    if holds is True:
        turns += [stand_in_of(shape)] * (_TURNS - len(turns))
    if holds is False:
        turns = []
    # One turn says nothing of what several look like.
    if len(turns) != 1:
        way.note(file, number, bool(turns))
    return turns


_CALLED: Mapping[str, Callable[..., Any]] = {
    function.__name__: function for function in (is_forced, forced_answer, note_answer, enter_loop)
}
