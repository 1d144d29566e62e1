"""Traces the places of text that Django renders, and names that lack a value, for which Django
prints nothing.

Nodes return plain text and join it freely. Where a node's own text consists of its children's, it
gets their places.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.template import Context, Template, TemplateSyntaxError
from django.template.base import (
    FilterExpression,
    Node,
    NodeList,
    Origin,
    TextNode,
    Token,
    TokenType,
    VariableDoesNotExist,
    VariableNode,
)
from django.template.defaulttags import ForNode
from django.template.loader_tags import ExtendsNode, IncludeNode
from django.templatetags.i18n import BlockTranslateNode

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery.variables.missing_names import is_noting, note, stand_in_for
from keyturn.studio.lint.finding import Place, limit_of, line_and_column
from keyturn.studio.lint.source.stand_ins import NO_LAYOUT, NOT_RENDERED, layout_for
from keyturn.studio.lint.source.tag_stand_ins import without_block_at
from keyturn.studio.lint.source.traced_text import (
    concat,
    follow,
    trace_data,
    trace_printed,
    with_undefined,
)

# Errors that may follow from an earlier mistake.
_FOLLOWS = re.compile(r"block tag(?: on line \d+)?: '(?:end|el)")
_ONE_AT_A_TIME = threading.Lock()


def plain(text: str) -> str:
    """Return an exact `str`.

    Django marks the names in templates as safe, and `str` of a safe text is safe again.

    Python 3.11 refuses such a name in a path.
    """
    return str.__add__(text, "")


class _TagPlace(NamedTuple):
    """Where the tag or the text of a node is written."""

    file: str = ""
    line: int = 1
    column: int = 1


class Failure(NamedTuple):
    """An error, and the innermost node that raised it."""

    error: Exception
    node: Node


class DjangoTracer:
    """Records one rendering: the last `failure`, and names without a value.

    `explain` makes the error for a failed node.
    """

    def __init__(self, explain: Callable[[Exception, "DjangoTracer"], TemplateInvalid]) -> None:
        self._explain = explain
        self.failure: Failure | None = None
        self._undefined: list[tuple[str, Place]] = []
        self._written: list[list[str]] = [[]]  # the texts of each open node, the innermost last
        self._places = [_TagPlace()]  # those of the open nodes
        self._sources: dict[str, str] = {}

    @property
    def text(self) -> str:
        return with_undefined(concat(self._written[0]), self._undefined)

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Trace all nodes in this context. A process traces one rendering at a time."""
        with _ONE_AT_A_TIME:
            of_nodes = Node.render_annotated
            of_texts = TextNode.render_annotated
            compiled = Template.compile_nodelist
            Node.render_annotated = lambda node, context: self._render(of_nodes, node, context)
            TextNode.render_annotated = lambda node, _: self._write_text(node)
            Template.compile_nodelist = lambda template: self._compile(compiled, template)
            try:
                yield
            finally:
                Node.render_annotated = of_nodes
                TextNode.render_annotated = of_texts
                Template.compile_nodelist = compiled

    def _compile(self, compiled: Callable[[Template], NodeList], template: Template) -> NodeList:
        """Compile a template; while faults are noted, without the tags that Django refuses."""
        has_noted = False
        while True:
            try:
                return compiled(template)
            except TemplateSyntaxError as error:
                if not is_noting():
                    raise
                source = _without_tag(template.source, error)
                if source == template.source:
                    raise
                if not has_noted or not _FOLLOWS.search(str(error)):
                    note(self._explain(error, self))
            template.source = source
            has_noted = True

    def _write_text(self, node: TextNode) -> str:
        if node.s:
            self._written[-1].append(trace_data(node.s, *self._place_of(node)))
        return str(node.s)

    def _place_of(self, node: Node) -> _TagPlace:
        token = getattr(node, "token", None)
        origin = getattr(node, "origin", None)
        if token is None or origin is None or not origin.template_name:
            return self._places[-1]
        return _TagPlace(plain(origin.template_name), token.lineno, self.column(origin, token))

    def column(self, origin: Origin, token: Token) -> int:
        if not token.position:
            return 1
        if origin.name not in self._sources:
            self._sources[origin.name] = _source(origin)
        _, column = line_and_column(self._sources[origin.name], token.position[0])
        return column

    def _render(self, render: Callable[[Node, Context], str], node: Node, context: Context) -> str:
        self._written.append([])
        self._places.append(self._place_of(node))
        try:
            written: str = (
                node.nodelist.render(context) if _is_mjml(node) else render(node, context)
            )
        except Exception as error:
            if self.failure is None or self.failure.error is not error:
                self.failure = Failure(error, node)
            if not is_noting() or limit_of(error) or isinstance(error, RecursionError):
                raise
            note(self._explain(error, self))
            self._written[-1].clear()
            written = self._stand_in(node, context)
        finally:
            inside = self._written.pop()
            place = self._places.pop()
        for name in undefined_names(node, context, written):
            self._undefined.append((name, Place(*place)))
        if written:
            self._written[-1].append(_with_places(plain(written), concat(inside), place))
        return written

    def _stand_in(self, node: Node, context: Context) -> str:
        """Return nothing for a failed include, the content of a failed block, else a text."""
        inside = getattr(node, "nodelist", None) or getattr(node, "nodelist_loop", None)
        if isinstance(node, IncludeNode):
            return ""
        if not inside:
            return stand_in_for(NOT_RENDERED)
        if not isinstance(node, ExtendsNode):
            return str(inside.render(context))
        start, end = layout_for(str(node.origin.name))
        self._written[-1].append(trace_data(start, NO_LAYOUT, 1, 1))
        blocks = str(inside.render(context))
        self._written[-1].append(trace_data(end, NO_LAYOUT, 1, 1))
        return f"{start}{blocks}{end}"


def _without_tag(source: str, error: TemplateSyntaxError) -> str:
    """Return a source without the tag that Django refused, and those of its block; unchanged if it
    is not known which.
    """
    token = getattr(error, "token", None)
    if token is None or not token.position:
        return source
    return without_block_at(source, token.position[0])


def _with_places(written: str, inside: str, place: _TagPlace) -> str:
    """Return the text of a node with places. `inside`: the text of its children."""
    if written == inside:
        return inside
    if not inside:
        return trace_printed(written, *place)
    start = written.find(str(inside))
    if start < 0:  # blanks and the case may differ, as after {% spaceless %}
        return trace_printed(follow(inside, written), *place)
    before = trace_printed(written[:start], *place)
    after = trace_printed(written[start + len(inside) :], *place)
    return concat([before, inside, after])


def _is_mjml(node: Node) -> bool:
    token = getattr(node, "token", None)
    if token is None or not hasattr(node, "nodelist"):
        return False
    return bool(token.contents.split(None, 1)[:1] == ["mjml"])


def _source(origin: Origin) -> str:
    try:
        if origin.loader:
            return plain(origin.loader.get_contents(origin))
        return Path(origin.name).read_text("utf-8")
    except Exception:  # noqa: BLE001 - the project's loader; without a source there are no columns
        return ""


# Filters with a replacement for a missing value.
_FOR_NOTHING = frozenset({"default", "default_if_none", "yesno"})


def undefined_names(node: Node, context: Context, written: str) -> Iterator[str]:
    """Yield the names without a value that a node printed."""
    match node:
        case VariableNode() if not written:
            yield from _undefined(node.filter_expression, context)
        case ForNode() if not written.strip():
            yield from _undefined(node.sequence, context)
        case BlockTranslateNode():
            bound = {*(node.extra_context or ()), node.countervar}
            for token in (*node.singular, *(node.plural or ())):
                name = token.contents
                is_known = name in bound or name in context
                if token.token_type == TokenType.VAR and not is_known:
                    yield plain(name)


def _undefined(expression: FilterExpression, context: Context) -> Iterator[str]:
    """Yield the name in an expression if it has no value, and no filter replaces it."""
    if not isinstance(expression, FilterExpression) or not expression.is_var:
        return
    filters = {getattr(function, "_filter_name", "") for function, _ in expression.filters}
    try:
        expression.var.resolve(context)
    except VariableDoesNotExist:
        if filters.isdisjoint(_FOR_NOTHING):
            yield plain(str(expression.var))
