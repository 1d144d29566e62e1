"""Finds the variables of Django's templates: follows their nodes with a `Probe` for each name.

Both sides of a decision count, and no tag of the project runs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.template.base import FilterExpression, NodeList, TokenType, VariableNode
from django.template.base import Variable as DjangoVariable
from django.template.defaulttags import ForNode, IfNode, WithNode
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.templatetags.i18n import BlockTranslateNode

from keyturn.studio.gallery.variables.probe import Probe
from keyturn.studio.gallery.variables.variables import FILTERS, Use, Variable

_ALWAYS_THERE = frozenset({"True", "False", "None", "forloop", "block", "csrf_token", "request"})
_MADE_OF: Mapping[Use, frozenset[str]] = {
    **FILTERS,
    "number": frozenset({"add", "divisibleby", "filesizeformat", "floatformat", "intcomma", "intword", "ordinal"}),
    "moment": frozenset({"date", "naturalday", "naturaltime", "time", "timesince", "timeuntil"}),
    "list": frozenset({"dictsort", "dictsortreversed", "first", "join", "last", "random", "slice", "unordered_list"}),
    "mapping": frozenset(),
}
"""The uses that Django's filters imply. They print nothing for other values."""

_OF_A_QUERY = frozenset({"count", "exists", "first", "last"})
"""Methods of query sets and managers, which `_Queried` gives to any list."""

_DEEPEST = 12

_Scope = Mapping[str, Probe]


def find_variables(files: Sequence[str], template: Callable[[str], Any]) -> Mapping[str, Variable]:
    """Return the variables of files, with all that they extend and include. Files that cannot be read are skipped."""
    reader = _Reader(template)
    for file in files:
        reader.read(file)
    for one in reader.given.values():
        _fold_query(one)
    return reader.given


class _Reader:
    def __init__(self, template: Callable[[str], Any]) -> None:
        self.given: dict[str, Variable] = {}
        self._template = template
        self._overridden: set[str] = set()

    def read(self, file: str) -> None:
        self._overridden = set()
        self._file(file, {}, 0)

    def _file(self, file: object, scope: _Scope, depth: int) -> None:
        if not isinstance(file, str) or depth >= _DEEPEST:
            return
        try:
            nodes = self._template(file).nodelist
        except Exception:  # noqa: BLE001 - rendering reports the error
            return
        self._nodes(nodes, scope, depth)

    def _nodes(self, nodes: Iterable[Any], scope: _Scope, depth: int) -> None:
        for node in nodes:
            self._node(node, scope, depth)

    def _node(self, node: Any, scope: _Scope, depth: int) -> None:
        match node:
            case VariableNode():
                self._see(node.filter_expression, scope, "printed")
            case IfNode():
                for condition, inside in node.conditions_nodelists:
                    self._condition(condition, scope)
                    self._nodes(inside, scope, depth)
            case ForNode():
                self._loop(node, scope, depth)
            case WithNode():
                self._nodes(node.nodelist, {**scope, **self._bound(node.extra_context, scope)}, depth)
            case IncludeNode():
                outer = {} if node.isolated_context else scope
                self._file(_constant(node.template), {**outer, **self._bound(node.extra_context, scope)}, depth + 1)
            case ExtendsNode():
                self._nodes(node.nodelist, scope, depth)
                self._file(_constant(node.parent_name), scope, depth + 1)
            case BlockNode():
                self._block(node, scope, depth)
            case BlockTranslateNode():
                self._translated(node, scope)
            case _:
                self._other(node, scope, depth)

    def _block(self, node: Any, scope: _Scope, depth: int) -> None:
        if node.name in self._overridden:
            return
        inside = (one.token for one in node.nodelist.get_nodes_by_type(VariableNode))
        if not any(token and token.contents == "block.super" for token in inside):
            self._overridden.add(node.name)
        self._nodes(node.nodelist, scope, depth)

    def _loop(self, node: Any, scope: _Scope, depth: int) -> None:
        names = tuple(node.loopvars)
        looped = self._see(node.sequence, scope)
        if len(names) > 1 and looped.holder and looped.name == "items":
            looped = looped.call()
        else:
            looped.note("list")
        bound = [looped.entry(names[0])] if len(names) == 1 else looped.entry(names)
        self._nodes(node.nodelist_loop, {**scope, **dict(zip(names, bound, strict=True))}, depth)
        self._nodes(node.nodelist_empty, scope, depth)

    def _condition(self, condition: Any, scope: _Scope) -> None:
        """Read the condition of an `if`: a value, or an operator with operands."""
        if condition is None:
            return
        if isinstance(expression := getattr(condition, "value", None), FilterExpression):
            self._see(expression, scope, "asked")
            return
        sides = [getattr(condition, side, None) for side in ("first", "second")]
        expressions = [one for side in sides if isinstance(one := getattr(side, "value", None), FilterExpression)]
        constants = [one.var for one in expressions if not one.is_var]
        if condition.id in ("and", "or", "not") or not constants:
            for side in sides:
                self._condition(side, scope)
            return
        for expression in expressions:
            probe = self._see(expression, scope, "asked" if condition.id in ("==", "!=", "in") else "number")
            if condition.id == "==":
                probe.note_constant(constants[0])

    def _translated(self, node: Any, scope: _Scope) -> None:
        bound = self._bound(node.extra_context, scope)
        if node.counter:
            bound[node.countervar] = self._see(node.counter, scope, "number")
        for token in (*node.singular, *(node.plural or ())):
            if token.token_type == TokenType.VAR:
                self._look_up((token.contents.split("|")[0],), {**scope, **bound}).note("printed")

    def _other(self, node: Any, scope: _Scope, depth: int) -> None:
        """Read a node of any other tag: its expressions and its content."""
        for expression in _expressions_in(vars(node).values()):
            self._see(expression, scope)
        for name in getattr(node, "child_nodelists", ()):
            if isinstance(inside := getattr(node, name, None), NodeList):
                self._nodes(inside, scope, depth)

    def _bound(self, context: Mapping[str, Any] | None, scope: _Scope) -> dict[str, Probe]:
        return {name: self._see(expression, scope) for name, expression in (context or {}).items()}

    def _see(self, expression: Any, scope: _Scope, use: Use | None = None) -> Probe:
        if not isinstance(expression, FilterExpression):
            return Probe()
        for function, arguments in expression.filters:
            for is_variable, argument in arguments:
                if is_variable and isinstance(argument, DjangoVariable) and argument.lookups:
                    probe = self._look_up(argument.lookups, scope)
                    if any(_needs_number(partial(function, of)) for of in (3, "some words")):
                        probe.note("number")
        if not expression.is_var or not expression.var.lookups:
            return Probe()
        probe = self._look_up(expression.var.lookups, scope)
        if use:
            probe.note(use)
        _note_filters(probe, expression.filters)
        return probe

    def _look_up(self, lookups: Sequence[str], scope: _Scope) -> Probe:
        name, *attributes = lookups
        probe = scope.get(name)
        if probe is None:
            probe = Probe() if name in _ALWAYS_THERE else Probe(self.given.setdefault(name, Variable(name)))
        for attribute in attributes:
            if attribute == "all":  # of a query set
                probe.note("list")
            else:
                probe = probe.entry() if attribute.isdigit() else probe.attribute(attribute)
        return probe


def _fold_query(one: Variable, depth: int = 0) -> None:
    """Make a list of a variable that is used as a query set, and entries of its first and last."""
    if "list" in one.uses or "exists" in one.attributes:
        one.uses.add("list")
        answers = {name: one.attributes.pop(name) for name in sorted(one.attributes.keys() & _OF_A_QUERY)}
        for name in ("first", "last"):
            if name not in answers:
                continue
            item = one.item_variable()
            item.uses |= answers[name].uses
            item.attributes = answers[name].attributes | item.attributes
    if depth < _DEEPEST:
        for below in (*one.attributes.values(), *([one.item] if one.item else ()), *one.parts):
            _fold_query(below, depth + 1)


def _note_filters(probe: Probe, filters: Iterable[tuple[Any, Any]]) -> None:
    if _needs_number(partial(_filtered, filters)):
        probe.note("number")
    for nth, (function, arguments) in enumerate(filters):
        name = getattr(function, "_filter_name", "")
        is_default = name in ("default", "default_if_none") and arguments and not arguments[0][0]
        probe.note_filter(name, (str(arguments[0][1]) or None) if is_default else None)
        for use in (use for use, names in _MADE_OF.items() if nth == 0 and name in names):
            probe.note(use)


def _filtered(filters: Iterable[tuple[Any, Any]], value: Any) -> Any:
    """Return a value after all filters of an expression, with a number for each variable among their arguments."""
    for function, arguments in filters:
        value = function(value, *(3 if is_variable else argument for is_variable, argument in arguments))
    return value


def _needs_number(filtered: Callable[[Any], Any]) -> bool:
    """Tell whether filters, which may be the project's own, fail with a text and not with a number."""

    def works_with(value: Any) -> bool:
        try:
            filtered(value)
        except Exception:  # noqa: BLE001 - a filter raises whatever it likes
            return False
        return True

    return not works_with("text") and works_with(3)


def _constant(expression: Any) -> object:
    return expression.var if isinstance(expression, FilterExpression) and not expression.is_var else None


def _expressions_in(values: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    for value in values:
        if isinstance(value, FilterExpression):
            yield value
        elif isinstance(value, dict) and depth < _DEEPEST:
            yield from _expressions_in(value.values(), depth + 1)
        elif isinstance(value, list | tuple) and not isinstance(value, NodeList) and depth < _DEEPEST:
            yield from _expressions_in(value, depth + 1)
