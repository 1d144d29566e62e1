"""Converts templates of Liquid to Jinja's syntax tree: the same names, conditions and loops at the same lines.

The tree is for finding variables and branches; it is never rendered. While Liquid renders, its decisions record their
branches under the numbers in that tree.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from typing import Any, Literal, NamedTuple

from jinja2 import Environment, TemplateSyntaxError, nodes
from liquid import RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Identifier, LoopExpression, Path, logical
from liquid.builtin.expressions import Literal as Constant
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.ifchanged_tag import IfChangedNode
from liquid.builtin.tags.include_tag import IncludeNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.render_tag import RenderNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from keyturn.emails.gallery.branches.points import decisions_in, note_answer, note_loop, note_turn
from keyturn.errors import TemplateInvalid

_Statements = list[nodes.Node]
_WITH_CONTEXT = (True, False)
_NOT_RECURSIVE = (False,)


class LiquidDecision(NamedTuple):
    """A decision: its node in Jinja's tree, and the object and attribute of its expression in Liquid."""

    node: nodes.Node
    holder: Any
    attribute: str
    negated: bool = False


class Tree(NamedTuple):
    """A template as Jinja's syntax tree, with its decisions in the order of reading."""

    template: nodes.Template
    decisions: tuple[LiquidDecision, ...]


class LiquidTrees(Environment):
    """Parses Liquid into Jinja's syntax tree. `find_file` returns the file that a partial's name means."""

    tree_of: Callable[[str], nodes.Template]
    find_file: Callable[[str, str], str | None]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:  # noqa: ARG002 - Jinja's
        try:
            return self.tree_of(name or "")
        except TemplateInvalid as invalid:
            raise TemplateSyntaxError(invalid.message, invalid.line or 1, name, filename) from invalid

    def join_path(self, template: str, parent: str) -> str:
        return self.find_file(template, parent) or template


def read_tree(parsed: Iterable[Node]) -> Tree:
    reader = _Reader()
    body = reader.statements(parsed)
    hoisted: _Statements = [_bind(name, nodes.Const(None), 1) for name in sorted(reader.bound_in_loops)]
    return Tree(nodes.Template([*hoisted, *body], lineno=1), tuple(reader.decisions))


class _Reader:
    """Converts statements. Liquid keeps assignments after a loop, Jinja does not: `bound_in_loops` collects them."""

    def __init__(self) -> None:
        self.decisions: list[LiquidDecision] = []
        self.bound_in_loops: set[str] = set()
        self._read: set[str] = set()
        self._loops = 0

    def statements(self, parsed: Iterable[Node]) -> _Statements:
        return [made for node in parsed for made in self._statement(node, line_of(node))]

    def _statement(self, node: Node, line: int) -> Iterator[nodes.Node]:  # noqa: C901, PLR0912 - a case for each tag
        match node:
            case ContentNode():
                yield nodes.Output([nodes.TemplateData(node.text, lineno=line)], lineno=line)
            case OutputNode():
                yield nodes.Output([self._see(node.expression)], lineno=line)
            case CycleNode():
                yield nodes.Output([self._see(one) for one in node.args], lineno=line)
            case IfNode() | UnlessNode():
                yield self._if(node, line)
            case CaseNode():
                yield from self._case(node, line)
            case ForNode() | TablerowNode():
                yield self._loop(node, line)
            case AssignNode():
                value = self._see(node.expression)
                yield self._assign(str(node.name), value, line)
            case CaptureNode():
                body = self.statements(node.block.nodes)
                self._note_bound(str(node.name))
                yield nodes.AssignBlock(nodes.Name(str(node.name), "store"), None, body, lineno=line)
            case IncrementNode() | DecrementNode():
                yield self._assign(str(node.name), nodes.Const(0), line)
            case IncludeNode() | RenderNode():
                yield self._partial(node, line)
            case LiquidNode() | IfChangedNode():
                yield from self.statements(node.block.nodes)
            case BlockNode():
                yield from self.statements(node.nodes)
            case _:
                pass

    def _if(self, node: Any, line: int) -> nodes.If:
        negated = isinstance(node, UnlessNode)
        asked = self._see(node.condition)
        made = nodes.If(nodes.Not(asked) if negated else asked, [], [], [], lineno=line)
        self.decisions.append(LiquidDecision(made, node, "condition", negated))
        made.body = self.statements(node.consequence.nodes)
        for other in node.alternatives:
            further = nodes.If(self._see(other.expression), [], [], [], lineno=line_of(other))
            self.decisions.append(LiquidDecision(further, other, "expression"))
            further.body = self.statements(other.block.nodes)
            made.elif_.append(further)
        made.else_ = self.statements(node.default.nodes) if node.default else []
        return made

    def _case(self, node: Any, line: int) -> Iterator[nodes.Node]:
        """Yield a `case` as one `if`. Liquid never renders content before the first `when`."""
        first: nodes.If | None = None
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                expression: Any = block.expression
                self._see(expression.left)
                made = nodes.If(one_of(expression.left, expression.expressions), [], [], [], lineno=line_of(block))
                self.decisions.append(LiquidDecision(made, block, "expression"))
                made.body = self.statements(block.block.nodes)
                if first is None:
                    first = made
                else:
                    first.elif_.append(made)
            elif first is not None:
                first.else_ = [*first.else_, *self.statements(block.nodes)]
        yield first or nodes.Output([to_jinja(node.expression)], lineno=line)

    def _loop(self, node: Any, line: int) -> nodes.For:
        entries = self._see(node.expression)
        made = self._make_for(str(node.expression.identifier), entries, [], line)
        self.decisions.append(LiquidDecision(made, node, "expression"))
        self._loops += 1
        made.body = self.statements(node.block.nodes)
        self._loops -= 1
        default = getattr(node, "default", None)
        made.else_ = self.statements(default.nodes) if default else []
        return made

    def _partial(self, node: Any, line: int) -> nodes.Node:
        if isinstance(node.name, Identifier):
            return nodes.Output([], lineno=line)
        body: _Statements = [nodes.Include(self._see(node.name), *_WITH_CONTEXT, lineno=line)]
        names = [nodes.Name(str(one.name), "store") for one in node.args]
        values = [self._see(one.value) for one in node.args]
        if node.var is not None:
            named = str(node.name.value) if isinstance(node.name, Constant) else ""
            called = str(node.alias or named.rpartition("/")[2].partition(".")[0])
            if getattr(node, "loop", False):
                body = [self._make_for(called, self._see(node.var), body, line)]
            else:
                names, values = [*names, nodes.Name(called, "store")], [*values, self._see(node.var)]
        return nodes.With([*names], values, body, lineno=line) if names else body[0]

    def _make_for(self, name: str, entries: nodes.Expr, body: _Statements, line: int) -> nodes.For:
        return nodes.For(nodes.Name(name, "store"), entries, body, [], None, *_NOT_RECURSIVE, lineno=line)

    def _assign(self, name: str, value: nodes.Expr, line: int) -> nodes.Assign:
        self._note_bound(name)
        return _bind(name, value, line)

    def _note_bound(self, name: str) -> None:
        if self._loops and name not in self._read:
            self.bound_in_loops.add(name)

    def _see(self, expression: object) -> nodes.Expr:
        made = to_jinja(expression)
        names = [made] if isinstance(made, nodes.Name) else made.find_all(nodes.Name)
        self._read.update(one.name for one in names)
        return made


def line_of(node: Node) -> int:
    return int(node.token.source.count("\n", 0, max(node.token.start_index, 0))) + 1


def _bind(name: str, value: nodes.Expr, line: int) -> nodes.Assign:
    return nodes.Assign(nodes.Name(name, "store"), value, lineno=line)


_ENOUGH_TURNS = 2


def note_decisions(tree: Tree, file: str) -> None:
    """Make the decisions of a template record their branches."""
    numbers = {id(node): number for number, node in enumerate(decisions_in(tree.template))}
    for one in tree.decisions:
        number = numbers[id(one.node)]
        expression = getattr(one.holder, one.attribute)
        is_loop = hasattr(expression, "iterable")
        noted = _NotedLoop(expression, file, number) if is_loop else _NotedAnswer(expression, file, number, one)
        setattr(one.holder, one.attribute, noted)


class _Noted(Expression):
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
    def __init__(self, noted: Any, file: str, number: int, decision: LiquidDecision) -> None:
        super().__init__(noted, file, number)
        self._negated = decision.negated

    def evaluate(self, context: RenderContext) -> object:
        answer = self._noted.evaluate(context)
        is_yes = any(answer) if isinstance(answer, list) else bool(answer)  # a `when` has a result for each value
        note_answer(self._file, self._number, is_yes is not self._negated)
        return answer


class _NotedLoop(_Noted):
    def evaluate(self, context: RenderContext) -> tuple[Iterator[object], int]:
        entries, length = self._noted.evaluate(context)
        note_loop(self._file, self._number, entries)
        for _ in range(min(length, _ENOUGH_TURNS)):
            note_turn(self._file, self._number)
        return entries, length


_COMPARISONS: Mapping[type[Expression], str] = {
    logical.EqExpression: "eq",
    logical.NeExpression: "ne",
    logical.LtExpression: "lt",
    logical.LeExpression: "lteq",
    logical.GtExpression: "gt",
    logical.GeExpression: "gteq",
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
        case logical.LogicalAndExpression():
            return nodes.And(to_jinja(one.left), to_jinja(one.right))
        case logical.LogicalOrExpression():
            return nodes.Or(to_jinja(one.left), to_jinja(one.right))
        case logical.ContainsExpression():
            return _compare(to_jinja(one.right), "in", to_jinja(one.left))
        case (
            logical.EqExpression()
            | logical.NeExpression()
            | logical.LtExpression()
            | logical.LeExpression()
            | logical.GtExpression()
            | logical.GeExpression()
        ):
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
