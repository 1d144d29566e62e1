"""Which branches a drawing of Liquid takes: each decision tells, by the number that Jinja's tree has for it."""

from collections.abc import Iterator
from typing import Any

from liquid import RenderContext
from liquid.expression import Expression

from keyturn.emails.engines.liquid.trees import Decision, Tree
from keyturn.emails.gallery.branches.points import decisions_in
from keyturn.emails.gallery.branches.recording import note_answer, note_loop, note_turn

_ENOUGH_TURNS = 2


def note_decisions(tree: Tree, file: str) -> None:
    """Have the decisions of a template tell which way they go, to whoever records it."""
    numbers = {id(node): number for number, node in enumerate(decisions_in(tree.template))}
    for one in tree.decisions:
        number = numbers[id(one.node)]
        expression = getattr(one.holder, one.attribute)
        is_loop = hasattr(expression, "iterable")
        noted = _NotedLoop(expression, file, number) if is_loop else _NotedAnswer(expression, file, number, one)
        setattr(one.holder, one.attribute, noted)


class _Noted(Expression):
    """An expression that is the other one to whoever asks."""

    def __init__(self, noted: Any, file: str, number: int) -> None:
        super().__init__(noted.token)
        self._noted, self._file, self._number = noted, file, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._noted, name)

    def __str__(self) -> str:
        return str(self._noted)

    def children(self) -> list[Expression]:
        return [self._noted]


class _NotedAnswer(_Noted):
    def __init__(self, noted: Any, file: str, number: int, decision: Decision) -> None:
        super().__init__(noted, file, number)
        self._negated = decision.negated

    def evaluate(self, context: RenderContext) -> object:
        answer = self._noted.evaluate(context)
        is_yes = any(answer) if isinstance(answer, list) else bool(answer)  # a `when` has an answer for each value
        note_answer(self._file, self._number, is_yes is not self._negated)
        return answer


class _NotedLoop(_Noted):
    def evaluate(self, context: RenderContext) -> tuple[Iterator[object], int]:
        entries, length = self._noted.evaluate(context)
        note_loop(self._file, self._number, entries)
        for _ in range(min(length, _ENOUGH_TURNS)):
            note_turn(self._file, self._number)
        return entries, length
