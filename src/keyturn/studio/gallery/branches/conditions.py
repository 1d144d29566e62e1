"""The conditions of branches: the data that each decision reads, by path, and the branches around it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from jinja2 import Environment, nodes
from msgspec import field
from msgspec.structs import replace

from keyturn.studio.gallery.branches.points import Branch, Outcome, Point, points_in
from keyturn.studio.gallery.variables.expressions import Expressions
from keyturn.studio.gallery.variables.usage import DEEPEST, MOST_CALLS, Usage, calls_super, find_macro
from keyturn.studio.gallery.variables.variables import Scope, Use, Values, Variable

ITEM = 0
"""The step from a list, or a mapping, to one of its entries."""

Step = str | int
Path = tuple[Step, ...]


class Read(Variable):
    """A part of the data at `path`, whose first step is a name of the sample.

    `exact`: false for a value that is computed from it. `constants`: the constants it was compared with.
    `is_global`: it belongs to the environment, so samples cannot change it.
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
        return Read(
            self.name, path=self.path, exact=False, is_global=self.is_global, constants=[*self.constants, *constants]
        )

    def step(self, step: Step) -> "Read":
        if not self.exact:
            return self
        return Read(self.name, path=(*self.path, step), is_global=self.is_global, constants=self.constants)


class Reads(Expressions):
    """Follows the reads of expressions: the value of a comparison, filter or test is what was read for it.

    `visit` is called for each inline `if`, with what it reads.
    """

    def __init__(self, name: Any, call: Any, filters: Any, visit: Callable[[nodes.Node, Values], object]) -> None:
        super().__init__(name, call, filters)
        self._visit = visit
        self._seen: list[Read] = []

    def see(self, node: nodes.Node, scope: Scope, use: Use | None = None) -> Values:
        if isinstance(node, nodes.CondExpr):
            self._visit(node, self._follow(node.test, scope, "asked"))
        return self._follow(node, scope, use)

    def _follow(self, node: nodes.Node, scope: Scope, use: Use | None) -> Values:
        before = len(self._seen)
        values = super().see(node, scope, use)
        exact = tuple(one for one in values if isinstance(one, Read))
        if exact and len(exact) == len(values):
            beside = self._made_of(node, before) if isinstance(node, nodes.And | nodes.Or | nodes.CondExpr) else ()
            self._seen.extend(exact)
            return (*exact, *(one for one in beside if all(one.path != other.path for other in exact)))
        return self._made_of(node, before)

    def _item(self, node: nodes.Getitem, scope: Scope) -> Values:
        values = super()._item(node, scope)
        if not (isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, int) and node.arg.value > 0):
            return values
        return tuple(one.step(node.arg.value) for one in self.see(node.node, scope) if isinstance(one, Read))

    def _made_of(self, node: nodes.Node, before: int) -> tuple[Read, ...]:
        """Return the reads for this node since `before`."""
        constants = [one.value for one in (node, *node.find_all(nodes.Const)) if isinstance(one, nodes.Const)]
        return tuple(one.made_from(constants) for one in _innermost(self._seen[before:]))


def _innermost(reads: list[Read]) -> list[Read]:
    """Return each read once, without those that only lead to a deeper path."""
    by_path: dict[Path, Read] = {}
    for one in reads:
        known = by_path.get(one.path)
        by_path[one.path] = one if known is None else known.made_from(one.constants) if one.constants else known
    return [
        one
        for path, one in by_path.items()
        if not any(other[: len(path)] == path and other != path for other in by_path)
    ]


_MOST_VISITS = 16
"""Ways to a decision in a macro that are kept."""


class Visit(NamedTuple):
    """A way to a decision. `within`: the branches around it, the outermost first. `reads`: what decides it."""

    within: tuple[Branch, ...]
    reads: tuple[Read, ...]


class Conditions(Usage):
    """Collects the decisions of files: `visits` by decision, `points` by file.

    `sampled`: the names in samples. They are data even if the environment has a global of that name, or has `excused`
    the name, since a wrong tag may have defined it.
    """

    def __init__(self, environment: Environment, sampled: Collection[str]) -> None:
        super().__init__(environment)
        self.points: dict[str, list[Point]] = {}
        self.visits: dict[tuple[str, int], list[Visit]] = {}
        self._sampled = frozenset(sampled)
        self._trees: dict[str, nodes.Template | None] = {}
        self._points_by_node: dict[int, Point] = {}
        self._within: tuple[Branch, ...] = ()
        self._deciding: tuple[Read, ...] = ()
        self._blocks: dict[str, list[tuple[nodes.Block, Scope]]] = {}
        self._shown: set[int] = set()

    def _make_expressions(self) -> Expressions:
        return Reads(self._name, self._call, self._environment.filters, self._visit)

    def _make_variable(self, name: str) -> Variable:
        return Read(name, path=(name,))

    def _tree(self, file: str) -> nodes.Template | None:
        if file not in self._trees:
            self._trees[file] = tree = super()._tree(file)
            self.points[file] = points_in(tree, file) if tree else []
            self._points_by_node |= {id(point.node): point for point in self.points[file]}
        return self._trees[file]

    def _body(self, body: list[Any], scope: Scope) -> None:
        """Read statements. The blocks of a child are read where its layout shows them, or else after it."""
        if not any(isinstance(node, nodes.Extends) for node in body):
            return super()._body(body, scope)
        own = [node for node in body if isinstance(node, nodes.Block)]
        for block in (one for node in body for one in (node, *node.find_all(nodes.Block))):
            if isinstance(block, nodes.Block):
                self._blocks.setdefault(block.name, []).append((block, scope))
        super()._body([node for node in body if node not in own], scope)
        for block in own:
            if id(block) not in self._shown:
                self._block(block, scope)
        return None

    def _block(self, node: nodes.Block, scope: Scope) -> None:
        """Read what a block shows: the version of the outermost child, and those that `super()` shows."""
        known = self._blocks.get(node.name, [])
        versions = known if any(block is node for block, _ in known) else [*known, (node, scope)]
        for block, of_block in versions:
            self._calls += 1
            if scope.depth >= DEEPEST or self._calls > MOST_CALLS:
                return
            self._shown.add(id(block))
            super()._body(block.body, replace(of_block.inner_scope(), depth=scope.depth + 1))
            if not calls_super(block):
                return

    def _statement(self, node: nodes.Node, scope: Scope) -> None:
        match node:
            case nodes.If():
                self._answer(node, node.elif_, node.else_, scope)
            case nodes.Assign() | nodes.AssignBlock():
                before = _bound_names(node.target, scope)
                super()._statement(node, scope)
                self._keep_both(before, node, scope)
            case _:
                super()._statement(node, scope)

    def _answer(self, node: nodes.If, more: list[nodes.If], otherwise: list[nodes.Node], scope: Scope) -> None:
        reads = self._visit(node, self._expressions.see(node.test, scope, "asked"))
        with self._inside(node, "yes", reads):
            self._body(node.body, scope)
        with self._inside(node, "no", reads):
            if more:
                self._answer(more[0], more[1:], otherwise, scope)
            else:
                self._body(otherwise, scope)

    def _loop(self, node: nodes.For, scope: Scope) -> None:
        entries = self._expressions.see(node.iter, scope, "list")
        inner = scope.inner_scope(loop=tuple(one.made_from([]) for one in entries if isinstance(one, Read)))
        self._bind(node.target, tuple(one.item_variable() for one in entries), inner)
        filtered = self._expressions.see(node.test, inner, "asked") if node.test else ()
        reads = self._visit(node, (*entries, *filtered))
        with self._inside(node, "several", reads):
            self._body(node.body, inner)
        with self._inside(node, "none", reads):
            self._body(node.else_, scope)

    def _call(self, node: nodes.Call, scope: Scope) -> bool:
        macro = find_macro(node.node, scope)
        if macro is None or not isinstance(macro.node, nodes.Macro):
            return super()._call(node, scope)
        self._visit(macro.node, ())
        with self._inside(macro.node, "called", ()):
            return super()._call(node, scope)

    def _name(self, name: str, scope: Scope) -> Values:
        known = self._environment.globals
        if name in known and scope.find(name) is None:
            if name in self._sampled:
                return (self.given.setdefault(name, self._make_variable(name)),)
            return () if callable(known[name]) else (Read(name, path=(name,), is_global=True),)
        if name not in self._sampled and name in getattr(self._environment, "excused", ()):
            return ()
        return super()._name(name, scope)

    def _visit(self, node: nodes.Node, values: Values) -> tuple[Read, ...]:
        reads = tuple({one.path: one for one in reversed(values) if isinstance(one, Read)}.values())[::-1]
        if point := self._points_by_node.get(id(node)):
            visits = self.visits.setdefault((point.file, point.number), [])
            if len(visits) < _MOST_VISITS and not any(known.within == self._within for known in visits):
                visits.append(Visit(self._within, reads))
        return reads

    @contextmanager
    def _inside(self, node: nodes.Node, outcome: Outcome, reads: tuple[Read, ...]) -> Iterator[None]:
        within, deciding = self._within, self._deciding
        if point := self._points_by_node.get(id(node)):
            self._within = (*within, Branch(point.file, point.number, outcome))
        self._deciding = (*deciding, *reads)
        try:
            yield
        finally:
            self._within, self._deciding = within, deciding

    def _keep_both(self, before: dict[str, Values], node: nodes.Assign | nodes.AssignBlock, scope: Scope) -> None:
        """If a decision chooses the value of a name, keep both values and the reads of that decision."""
        if not self._deciding:
            return
        constants = [one.value for one in node.find_all(nodes.Const)]
        for name, old in before.items():
            new = scope.names.get(name)
            if isinstance(new, tuple):
                scope.names[name] = (*new, *old, *(one.made_from(constants) for one in self._deciding))


def _bound_names(target: nodes.Node, scope: Scope) -> dict[str, Values]:
    """Return the names that an assignment binds, with what they were before."""
    names = [one.name for one in (target, *target.find_all(nodes.Name)) if isinstance(one, nodes.Name | nodes.NSRef)]
    found = {name: scope.find(name) for name in names}
    return {name: known if isinstance(known, tuple) else () for name, known in found.items()}
