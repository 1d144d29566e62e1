"""What a branch is called: by what it takes, in few words."""

import re
from collections.abc import Mapping

from jinja2 import nodes

from keyturn.emails.gallery.branches.points import Outcome, Point

_LONGEST = 60
_QUESTION = re.compile(r"(?:.*\.)?(?:is|has|can|should|show|was|are|needs|allow)_\w+")
_OPERATORS: Mapping[str, str] = {
    "eq": "is",
    "ne": "is not",
    "gt": ">",
    "gteq": ">=",
    "lt": "<",
    "lteq": "<=",
    "in": "in",
    "notin": "not in",
}
_OPPOSITES: Mapping[str, str] = {
    "eq": "ne",
    "ne": "eq",
    "gt": "lteq",
    "gteq": "lt",
    "lt": "gteq",
    "lteq": "gt",
    "in": "notin",
    "notin": "in",
}
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
    """Return an expression in few words: what is long or rare in it is left out."""
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
