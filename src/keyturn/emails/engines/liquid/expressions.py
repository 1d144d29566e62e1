"""Converts Liquid's expressions to Jinja's, to find variables. They are never rendered."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Literal

from jinja2 import nodes
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, LoopExpression, Path
from liquid.builtin.expressions import Literal as Constant
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral
from liquid.expression import Expression

_COMPARISONS: Mapping[type[Expression], str] = {
    EqExpression: "eq",
    NeExpression: "ne",
    LtExpression: "lt",
    LeExpression: "lteq",
    GtExpression: "gt",
    GeExpression: "gteq",
}

_KNOWN_AS: Mapping[str, str] = {
    **dict.fromkeys(("upcase",), "upper"),
    **dict.fromkeys(("downcase",), "lower"),
    **dict.fromkeys(("lstrip", "rstrip", "strip", "squish", "split"), "trim"),
    **dict.fromkeys(("truncatewords",), "truncate"),
    **dict.fromkeys(("strip_html", "strip_newlines", "newline_to_br"), "striptags"),
    **dict.fromkeys(("url_encode", "url_decode", "url_escape"), "urlencode"),
    **dict.fromkeys(
        ("ceil", "floor", "divided_by", "minus", "modulo", "plus", "times", "at_least", "at_most", "weight_with_unit"),
        "round",
    ),
    **dict.fromkeys(
        ("money_with_currency", "money_without_currency", "money_without_trailing_zeros", "format_currency"), "money"
    ),
    **dict.fromkeys(("time_tag",), "date"),
    "size": "length",
    "where": "selectattr",
    "sort_natural": "sort",
    "uniq": "unique",
}
"""Filters with a filter of Jinja, or of apps with Jinja, that implies the same use."""

_OF_ATTRIBUTES = frozenset({"map", "sort", "sum", "unique"})
_LOOPS = frozenset({"forloop", "tablerowloop"})


def to_jinja(one: object) -> nodes.Expr:  # noqa: C901 - a case for each expression
    """Return an expression that reads the same values. Unknown expressions read none."""
    match one:
        case FilteredExpression():
            return reduce(_filter, one.filters or (), to_jinja(one.left))
        case BooleanExpression():
            return to_jinja(one.expression)
        case LogicalAndExpression():
            return nodes.And(to_jinja(one.left), to_jinja(one.right))
        case LogicalOrExpression():
            return nodes.Or(to_jinja(one.left), to_jinja(one.right))
        case ContainsExpression():
            return _compare(to_jinja(one.right), "in", to_jinja(one.left))
        case EqExpression() | NeExpression() | LtExpression() | LeExpression() | GtExpression() | GeExpression():
            return _comparison(one)
        case LoopExpression():
            return to_jinja(one.iterable)
        case RangeLiteral():
            return nodes.Call(_name("range"), [to_jinja(one.start), to_jinja(one.stop)], [], None, None)
        case Path():
            return _path(one)
        case Constant():
            return nodes.Const(one.value)
        case Blank() | Empty():
            return nodes.Const("")
    return nodes.Const(None)


def one_of(value: object, choices: Iterable[object]) -> nodes.Expr:
    asked: list[nodes.Expr] = [_compare(to_jinja(value), "eq", to_jinja(choice)) for choice in choices]
    return reduce(nodes.Or, asked) if asked else nodes.Const(None)


def _comparison(one: Any) -> nodes.Expr:
    operator = _COMPARISONS[type(one)]
    if isinstance(one.right, Empty) and isinstance(one.left, Path):  # lists are empty as well as texts
        return _compare(_make_filter(to_jinja(one.left), "length"), operator, nodes.Const(0))
    return _compare(to_jinja(one.left), operator, to_jinja(one.right))


def _compare(left: nodes.Expr, operator: str, right: nodes.Expr) -> nodes.Expr:
    return nodes.Compare(left, [nodes.Operand(operator, right)])


def _path(path: Path) -> nodes.Expr:
    head, *rest = path.path
    if not isinstance(head, str):
        return to_jinja(head)
    made: nodes.Expr = _name("loop" if head in _LOOPS else head)
    for step in rest:
        if step == "size":
            made = _make_filter(made, "length")
        elif step in ("first", "last"):
            made = _make_filter(made, str(step))
        elif isinstance(step, str):
            made = nodes.Getattr(made, step, "load")
        else:
            made = nodes.Getitem(made, nodes.Const(step) if isinstance(step, int) else to_jinja(step), "load")
    return made


def _filter(value: nodes.Expr, one: Any) -> nodes.Expr:
    name = _KNOWN_AS.get(one.name, one.name)
    given = [(getattr(argument, "name", ""), to_jinja(argument.value)) for argument in one.args]
    if name in _OF_ATTRIBUTES and given:
        given[0] = ("attribute", given[0][1])
    named = [nodes.Keyword(key, made) for key, made in given if key]
    return _make_filter(value, name, [made for key, made in given if not key], named)


def _make_filter(
    value: nodes.Expr, name: str, args: list[nodes.Expr] | None = None, named: list[nodes.Keyword] | None = None
) -> nodes.Expr:
    return nodes.Filter(value, name, args or [], [*(named or [])], None, None)


def _name(name: str, context: Literal["load", "store"] = "load") -> nodes.Name:
    return nodes.Name(name, context)
