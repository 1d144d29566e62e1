"""What of the data an expression depends on, by its path."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from keyturn.emails.gallery.variables.expressions import Expressions
from keyturn.emails.gallery.variables.scope import Scope, Values
from keyturn.emails.gallery.variables.variables import Use, Variable

ITEM = 0
"""The step from a list, or a mapping, to one of its entries."""

Step = str | int
Path = tuple[Step, ...]


@dataclass(slots=True)
class Read(Variable):
    """A part of the data, at `path`; its first step is a name that the mail is given.

    Not `exact`: something that was made of it. `constants` are what it was compared with on the way. `is_global`: it is
    the environment's, so no sample decides it.
    """

    path: Path = ()
    exact: bool = True
    is_global: bool = False
    constants: list[Any] = field(default_factory=list)

    def attribute(self, name: str) -> Variable:
        return self.step(name)

    def item_variable(self, called: str = "") -> Variable:  # noqa: ARG002 - the path says enough
        return self.step(ITEM)

    def unpack(self, names: tuple[str, ...]) -> tuple[Variable, ...]:
        return tuple(self.step(nth) for nth in range(len(names)))

    def made_from(self, constants: list[Any]) -> "Read":
        """Return what something is that was made of it, and of these constants."""
        return Read(
            self.name, path=self.path, exact=False, is_global=self.is_global, constants=[*self.constants, *constants]
        )

    def step(self, step: Step) -> "Read":
        if not self.exact:
            return self
        return Read(self.name, path=(*self.path, step), is_global=self.is_global, constants=self.constants)


class Reads(Expressions):
    """Follows what expressions depend on: a comparison, a filter or a test comes to what was read for it."""

    def __init__(
        self,
        name: Callable[[str, Scope], Values],
        call: Callable[[nodes.Call, Scope], bool],
        filters: Container[str],
    ) -> None:
        super().__init__(name, call, filters)
        self._seen: list[Read] = []

    def see(self, node: nodes.Node, scope: Scope, use: Use | None = None) -> Values:
        before = len(self._seen)
        values = super().see(node, scope, use)
        exact = tuple(one for one in values if isinstance(one, Read))
        if exact and len(exact) == len(values):
            beside = self._made_of(node, before) if isinstance(node, nodes.And | nodes.Or | nodes.CondExpr) else ()
            self._seen.extend(exact)
            return (*exact, *(one for one in beside if all(one.path != other.path for other in exact)))
        return self._made_of(node, before)

    def _item(self, node: nodes.Getitem, scope: Scope) -> Values:
        """Tell one entry of a list from another."""
        values = super()._item(node, scope)
        if not (isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, int) and node.arg.value > 0):
            return values
        return tuple(one.step(node.arg.value) for one in self.see(node.node, scope) if isinstance(one, Read))

    def _made_of(self, node: nodes.Node, before: int) -> tuple[Read, ...]:
        """Return what was read for it since then."""
        constants = [one.value for one in (node, *node.find_all(nodes.Const)) if isinstance(one, nodes.Const)]
        return tuple(one.made_from(constants) for one in _innermost(self._seen[before:]))


def _innermost(reads: list[Read]) -> list[Read]:
    """Return each once, without what was only passed through on the way to a part of it."""
    by_path: dict[Path, Read] = {}
    for one in reads:
        known = by_path.get(one.path)
        by_path[one.path] = one if known is None else known.made_from(one.constants) if one.constants else known
    return [
        one
        for path, one in by_path.items()
        if not any(other[: len(path)] == path and other != path for other in by_path)
    ]
