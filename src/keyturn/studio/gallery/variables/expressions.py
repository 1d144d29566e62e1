"""Reads expressions for the uses of variables."""

import re
from collections.abc import Callable, Container, Iterable, Mapping

from jinja2 import nodes

from keyturn.studio.gallery.variables.variables import FILTERS, USES, Scope, Use, Values, Variable

_METHODS: Mapping[Use, frozenset[str]] = {use: frozenset(names) for use, names in USES["methods"].items()}
_TESTS: Mapping[str, Use] = {name: use for use, names in USES["tests"].items() for name in names}
_ONE_OF_IT = frozenset({"first", "last", "max", "min", "random"})
_FEWER_OR_ELSEWHERE = frozenset({"list", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique"})
_ATTRIBUTE_FIRST = frozenset({"groupby", "rejectattr", "selectattr", "sum"})
_OF_A_DIFFERENCE = frozenset({"days", "seconds", "total_seconds"})
_COMPARINGTESTS = frozenset({"eq", "equalto", "==", "sameas", "in"})
_NUMBER_FORMAT = re.compile(r"%[-+ 0#]*+\d*+(?:\.\d++)?[dfgei]|\{[^{}]*:[^{}%:]*[\dfdgen,%]\}")
_MOMENT_FORMAT = re.compile(r"\{[^{}]*:[^{}]*%[A-Za-z]")
_TRANSLATING: Mapping[str, int] = {"_": 1, "gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
"""The index of the first argument that is no message; with a plural, it is the number."""


class Expressions:
    """Notes the uses of variables in expressions.

    `name` returns the values of a name. `call` reads a called macro, and returns whether it is one. `filters`: the
    known ones; others return their value unchanged.
    """

    def __init__(
        self, name: Callable[[str, Scope], Values], call: Callable[[nodes.Call, Scope], bool], filters: Container[str]
    ) -> None:
        self._name = name
        self._call = call
        self._filters = filters

    def see(self, node: nodes.Node, scope: Scope, use: Use | None = None) -> Values:
        """Note the uses in an expression, and `use` of its value. Return the possible values."""
        values = self._value(node, scope)
        return self._mark(values, use) if use else values

    def _value(self, node: nodes.Node, scope: Scope) -> Values:  # noqa: C901, PLR0912 - a case for each expression
        match node:
            case nodes.Name():
                return self._name(node.name, scope)
            case nodes.Getattr():
                return self._attribute(node, scope)
            case nodes.Getitem():
                return self._item(node, scope)
            case nodes.Call():
                return self._read_call(node, scope)
            case nodes.Filter():
                return self._read_filter(node, scope)
            case nodes.Test():
                return self._read_test(node, scope)
            case nodes.CondExpr():
                self.see(node.test, scope, "asked")
                return self.see(node.expr1, scope) + (self.see(node.expr2, scope) if node.expr2 else ())
            case nodes.Or() | nodes.And():
                left = self.see(node.left, scope, "asked")
                return left + self.see(node.right, scope) if isinstance(node, nodes.Or) else self.see(node.right, scope)
            case nodes.Not():
                self.see(node.node, scope, "asked")
            case nodes.Compare():
                self._read_comparison(node, scope)
            case nodes.Concat():
                for part in node.nodes:
                    self.see(part, scope, "printed")
            case nodes.BinExpr() | nodes.UnaryExpr():
                self._read_calculation(node, scope)
            case _:
                for inner in node.iter_child_nodes():
                    self.see(inner, scope, "passed" if isinstance(inner, nodes.Expr) else None)
        return ()

    def _attribute(self, node: nodes.Getattr, scope: Scope) -> Values:
        if node.attr in _OF_A_DIFFERENCE and isinstance(node.node, nodes.Sub):
            for side in (node.node.left, node.node.right):
                self.see(side, scope, "moment")
            return ()
        return tuple(one.attribute(node.attr) for one in self.see(node.node, scope))

    def _item(self, node: nodes.Getitem, scope: Scope) -> Values:
        values = self.see(node.node, scope)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return tuple(one.attribute(node.arg.value) for one in values)
        if isinstance(node.arg, nodes.Slice):
            return self._mark(values, "length")
        self.see(node.arg, scope, "passed")
        if isinstance(node.arg, nodes.Const):
            return tuple(one.item_variable() for one in self._mark(values, "indexed"))
        return ()

    def _read_call(self, node: nodes.Call, scope: Scope) -> Values:
        if self._call(node, scope):
            return ()
        if isinstance(node.node, nodes.Getattr) and (values := self._method(node, node.node, scope)) is not None:
            self._arguments(node, scope, "passed")
            return values
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        if name in _TRANSLATING:
            self._arguments(node, scope, "printed")
            if name in ("ngettext", "npgettext") and len(node.args) > _TRANSLATING[name]:
                self.see(node.args[_TRANSLATING[name]], scope, "number")
            return ()
        self.see(node.node, scope, "called")
        self._arguments(node, scope, "number" if name == "range" else "passed")
        return ()

    def _arguments(self, node: nodes.Call | nodes.Filter, scope: Scope, use: Use) -> None:
        for part in (*(node.args or ()), *(one.value for one in node.kwargs or ())):
            self.see(part, scope, use)

    def _method(self, node: nodes.Call, method: nodes.Getattr, scope: Scope) -> Values | None:
        """Return the values of a method of a built-in type, or None for other calls."""
        if isinstance(method.node, nodes.Const):  # "{:.2f}".format(price)
            self._read_format(str(method.node.value), node.args, scope)
            return ()
        if method.attr in _OF_A_DIFFERENCE and isinstance(method.node, nodes.Sub):
            self._attribute(method, scope)
            return ()
        use = next((use for use, names in _METHODS.items() if method.attr in names), None)
        if use is None:
            return None
        values = self.see(method.node, scope, use)
        if method.attr == "get" and node.args and isinstance(node.args[0], nodes.Const):
            return tuple(one.attribute(str(node.args[0].value)) for one in values)
        return values if method.attr in ("items", "values", "astimezone", "date", "time") else ()

    def _read_filter(self, node: nodes.Filter, scope: Scope) -> Values:
        if node.node is None:  # the body of a filter block
            return ()
        if node.name == "format" and isinstance(node.node, nodes.Const):
            self._read_format(str(node.node.value), node.args, scope)
            return ()
        values = self.see(node.node, scope)
        for one in values:
            one.filters.add(node.name)
            if node.name in ("default", "d") and node.args and isinstance(node.args[0], nodes.Const):
                one.default = node.args[0].value
        self._arguments(node, scope, "passed")
        use = next((use for use, names in FILTERS.items() if node.name in names), None)
        if use is None or node.name not in self._filters:
            return values
        return self._result_of_filter(node, self._mark(values, use))

    def _result_of_filter(self, node: nodes.Filter, values: Values) -> Values:
        """Return the values of a filter on lists: items, or an attribute of each."""
        if node.name not in FILTERS["list"]:
            return values if node.name in FILTERS["mapping"] else ()
        taken = self._taken_from_items(node, values)
        match node.name:
            case "sum":
                self._mark(taken, "number")
            case "join":
                self._mark(taken, "printed")
            case "selectattr" | "rejectattr" if len(node.args) == 1:
                self._mark(taken, "asked")
            case "batch" | "slice":
                return tuple(Variable(one.name, item=one) for one in values)
            case "map":
                return tuple(Variable(one.name, item=one) for one in taken)
            case "groupby":
                return tuple(_groups_of(one, by) for one, by in zip(values, taken, strict=True))
        if node.name in _ONE_OF_IT:
            return tuple(one.item_variable() for one in values)
        return values if node.name in _FEWER_OR_ELSEWHERE else ()

    def _taken_from_items(self, node: nodes.Filter, values: Values) -> Values:
        """Return what a filter takes from each item: the item or an attribute."""
        named = [one.value for one in node.kwargs if one.key == "attribute"]
        if not named and node.name in _ATTRIBUTE_FIRST:
            named = node.args[:1]
        path = named[0].value if named and isinstance(named[0], nodes.Const) else ""
        if node.name == "map" and not path:
            return ()
        steps = path.split(".") if isinstance(path, str) and path else []
        return tuple(_attribute_at(one.item_variable(), steps) for one in values)

    def _read_format(self, pattern: str, arguments: Iterable[nodes.Expr], scope: Scope) -> None:
        use: Use = "number" if _NUMBER_FORMAT.search(pattern) else "printed"
        for part in arguments:
            self.see(part, scope, "moment" if _MOMENT_FORMAT.search(pattern) else use)

    def _read_test(self, node: nodes.Test, scope: Scope) -> Values:
        values = self.see(node.node, scope, _TESTS.get(node.name))
        for argument in node.args or ():
            self._note_constants(values, argument, scope, listed=node.name == "in", noted=node.name in _COMPARINGTESTS)
        return ()

    def _read_comparison(self, node: nodes.Compare, scope: Scope) -> None:
        values = self.see(node.expr, scope)
        for operand in node.ops:
            others = self.see(operand.expr, scope)
            if operand.op in ("in", "notin"):
                self._mark(others, "text" if isinstance(node.expr, nodes.Const) and not others else "passed")
            self._note_constants(
                values, operand.expr, scope, listed=operand.op in ("in", "notin"), noted=operand.op == "eq"
            )
            if operand.op in ("gt", "gteq", "lt", "lteq") and not _is_text(operand.expr):
                self._mark(values, "number")
            self._note_constants(others, node.expr, scope, listed=False, noted=operand.op == "eq")

    def _note_constants(self, values: Values, other: nodes.Node, scope: Scope, *, listed: bool, noted: bool) -> None:
        """Note the constants that values are compared with."""
        constants = other.items if listed and isinstance(other, nodes.Tuple | nodes.List) else [other]
        if not all(isinstance(one, nodes.Const) for one in constants):
            self.see(other, scope)
            return
        for value in values:
            found = [one.value for one in constants if isinstance(one, nodes.Const) and one.value is not None]
            if any(isinstance(one, int | float) and not isinstance(one, bool) for one in found):
                value.uses.add("number")
            elif noted or listed:
                value.compared += found

    def _read_calculation(self, node: nodes.BinExpr | nodes.UnaryExpr, scope: Scope) -> None:
        if isinstance(node, nodes.UnaryExpr):
            self.see(node.node, scope, "number")
        elif isinstance(node, nodes.Mod) and isinstance(node.right, nodes.Dict):  # gettext("...") % {"name": name}
            self.see(node.left, scope)
            for pair in node.right.items:
                self.see(pair.value, scope, "printed")
        elif isinstance(node, nodes.Mod) and isinstance(node.left, nodes.Const):  # "%.2f" % price
            right = node.right.items if isinstance(node.right, nodes.Tuple) else [node.right]
            self._read_format(str(node.left.value), right, scope)
        else:
            texts = isinstance(node, nodes.Add | nodes.Mul) and (_is_text(node.left) or _is_text(node.right))
            for side in (node.left, node.right):
                self.see(side, scope, "text" if texts and isinstance(node, nodes.Add) else "number")

    def _mark(self, values: Values, use: Use) -> Values:
        for value in values:
            value.uses.add(use)
        return values


def _attribute_at(variable: Variable, path: Iterable[str]) -> Variable:
    for name in path:
        variable = variable.attribute(name)
    return variable


def _groups_of(listed: Variable, by: Variable) -> Variable:
    return Variable(listed.name, item=Variable("group", parts=(by, listed), attributes={"grouper": by, "list": listed}))


def _is_text(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Const):
        return isinstance(node.value, str)
    return isinstance(node, nodes.Concat) or (
        isinstance(node, nodes.Add) and (_is_text(node.left) or _is_text(node.right))
    )
