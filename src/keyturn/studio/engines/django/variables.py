"""Finds the variables of Django's templates and their uses, from their nodes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.template.base import FilterExpression, NodeList, TokenType, VariableNode
from django.template.base import Variable as DjangoVariable
from django.template.defaulttags import ForNode, IfNode, WithNode
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.templatetags.i18n import BlockTranslateNode

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

_OF_A_MAPPING = ("items", "keys", "values")
_OF_A_QUERY = frozenset({"all", "count", "exists", "first", "last"})
"""Methods of query sets and managers, which `_Queried` gives to any list."""

_DEEPEST = 12

_Values = tuple[Variable, ...]
_Scope = Mapping[str, _Values]


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
        _, *taken = node.sequence.var.lookups or [""] if node.sequence.is_var else [""]
        may_be_mapping = taken[-1:] in [[each] for each in _OF_A_MAPPING]
        if len(names) == 1 and may_be_mapping:
            self._loop_by_use(node, names[0], scope, depth)
        else:
            looped = self._looped(node, scope, of_mapping=may_be_mapping)
            if len(names) == 1:
                bound = {names[0]: tuple(one.item_variable(names[0]) for one in looped)}
            else:
                unpacked = [one.item_variable().unpack(names) for one in looped]
                bound = {name: tuple(parts[nth] for parts in unpacked) for nth, name in enumerate(names)}
            self._nodes(node.nodelist_loop, {**scope, **bound}, depth)
        self._nodes(node.nodelist_empty, scope, depth)

    def _loop_by_use(self, node: Any, name: str, scope: _Scope, depth: int) -> None:
        """Read a loop over `order.items`, which may be a method of a dict or a list of that name.

        The use of its items decides: those of a dict's `items` have `.0` and `.1`; keys and values have no attributes.
        """
        item = Variable(name)
        self._nodes(node.nodelist_loop, {**scope, name: (item,)}, depth)
        of_pairs = node.sequence.var.lookups[-1] == "items"
        of_mapping = item.item is not None if of_pairs else not item.attributes
        for one in self._looped(node, scope, of_mapping=of_mapping):
            if of_pairs and of_mapping:
                one.item_variable()
            else:
                one.item_variable(name).absorb(item)

    def _looped(self, node: Any, scope: _Scope, *, of_mapping: bool) -> _Values:
        return self._see(node.sequence, scope, "mapping" if of_mapping else "list", without_last=of_mapping)

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
            for one in self._see(expression, scope, "asked" if condition.id in ("==", "!=", "in") else "number"):
                if condition.id == "==":
                    one.compared.append(constants[0])

    def _translated(self, node: Any, scope: _Scope) -> None:
        bound = self._bound(node.extra_context, scope)
        if node.counter:
            bound[node.countervar] = self._see(node.counter, scope, "number")
        for token in (*node.singular, *(node.plural or ())):
            if token.token_type == TokenType.VAR:
                self._look_up((token.contents.split("|")[0],), {**scope, **bound}, "printed")

    def _other(self, node: Any, scope: _Scope, depth: int) -> None:
        """Read a node of any other tag: its expressions and its content."""
        for expression in _expressions_in(vars(node).values()):
            self._see(expression, scope)
        for name in getattr(node, "child_nodelists", ()):
            if isinstance(inside := getattr(node, name, None), NodeList):
                self._nodes(inside, scope, depth)

    def _bound(self, context: Mapping[str, Any] | None, scope: _Scope) -> dict[str, _Values]:
        return {name: self._see(expression, scope) for name, expression in (context or {}).items()}

    def _see(self, expression: Any, scope: _Scope, use: Use | None = None, *, without_last: bool = False) -> _Values:
        if not isinstance(expression, FilterExpression):
            return ()
        for function, arguments in expression.filters:
            for is_variable, argument in arguments:
                if is_variable and isinstance(argument, DjangoVariable) and argument.lookups:
                    needs = any(_needs_number(partial(function, of)) for of in (3, "some words"))
                    self._look_up(argument.lookups, scope, "number" if needs else None)
        if not expression.is_var or not expression.var.lookups:
            return ()
        lookups = expression.var.lookups
        found = self._look_up(lookups[:-1] if without_last and len(lookups) > 1 else lookups, scope, use)
        for one in found:
            _note_filters(one, expression.filters)
        return found

    def _look_up(self, lookups: Sequence[str], scope: _Scope, use: Use | None) -> _Values:
        name, *attributes = lookups
        found = scope.get(name)
        if found is None:
            found = () if name in _ALWAYS_THERE else (self.given.setdefault(name, Variable(name)),)
        for attribute in attributes:
            found = tuple(one.item_variable() if attribute.isdigit() else one.attribute(attribute) for one in found)
        for one in found:
            one.uses.update([use] if use else ())
        return found


def _fold_query(one: Variable, depth: int = 0) -> None:
    """Make a list of a variable that is used as a query set: `.all` is the list, `.first` an item."""
    asked = one.attributes.keys() & _OF_A_QUERY
    if asked & {"all", "exists"} or (asked and "list" in one.uses):
        for name in sorted(asked):
            answer = one.attributes.pop(name)
            if name == "all":
                one.absorb(answer)
            elif name in ("first", "last"):
                one.item_variable().absorb(answer)
        one.uses.add("list")
    if depth < _DEEPEST:
        for below in (*one.attributes.values(), *([one.item] if one.item else ()), *one.parts):
            _fold_query(below, depth + 1)


def _note_filters(one: Variable, filters: Iterable[tuple[Any, Any]]) -> None:
    if _needs_number(partial(_filtered, filters)):
        one.uses.add("number")
    for nth, (function, arguments) in enumerate(filters):
        name = getattr(function, "_filter_name", "")
        one.filters.add(name)
        if name in ("default", "default_if_none") and arguments and not arguments[0][0]:
            one.default = str(arguments[0][1]) or None
        if nth == 0:
            one.uses.update(use for use, names in _MADE_OF.items() if name in names)


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
