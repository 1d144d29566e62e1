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
from typing import Any

from django.template import Template, TemplateSyntaxError
from django.template.base import (
    FilterExpression,
    Node,
    TextNode,
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
from keyturn.studio.lint.source.tolerant_parsing import without_block_at
from keyturn.studio.lint.source.traced_text import (
    concat,
    keep_origins,
    trace_data,
    trace_printed,
    with_undefined,
)

_Position = tuple[str, int, int]
_NOWHERE: _Position = ("", 1, 1)
# Errors that may follow from an earlier mistake.
_FOLLOWS = re.compile(r"block tag(?: on line \d+)?: '(?:end|el)")
_ONE_AT_A_TIME = threading.Lock()


def plain(text: str) -> str:
    """Return an exact `str`.

    Django marks the names in templates as safe, and `str` of a safe text is safe again.

    Python 3.11 refuses such a name in a path.
    """
    return str.__add__(text, "")


class DjangoTracer:
    """Records one rendering: the innermost node that `failed`, and names without a value.

    `explain` makes the error for a failed node.
    """

    def __init__(self, explain: Callable[[Exception, "DjangoTracer"], TemplateInvalid]) -> None:
        self._explain = explain
        self.failed: tuple[BaseException, Any] | None = None
        self.undefined: list[tuple[str, Place]] = []
        self._written: list[list[str]] = [[]]
        self._positions: list[_Position] = [_NOWHERE]
        self._sources: dict[str, str] = {}

    @property
    def text(self) -> str:
        return with_undefined(concat(self._written[0]), self.undefined)

    def position(self, node: Any) -> _Position:
        token, origin = getattr(node, "token", None), getattr(node, "origin", None)
        if token is None or origin is None or not origin.template_name:
            return self._positions[-1]
        return (plain(origin.template_name), token.lineno, self.column(origin, token))

    def column(self, origin: Any, token: Any) -> int:
        if token.position and origin.name not in self._sources:
            self._sources[origin.name] = _source(origin)
        return (
            line_and_column(self._sources[origin.name], token.position[0])[1]
            if token.position
            else 1
        )

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Trace all nodes in this context. A process traces one rendering at a time."""
        with _ONE_AT_A_TIME:
            of_nodes, of_texts, compiled = (
                Node.render_annotated,
                TextNode.render_annotated,
                Template.compile_nodelist,
            )
            Node.render_annotated = lambda node, context: self._render(of_nodes, node, context)
            TextNode.render_annotated = lambda node, _: self._write_text(node)
            Template.compile_nodelist = lambda template: self._compile(compiled, template)
            try:
                yield
            finally:
                Node.render_annotated, TextNode.render_annotated = of_nodes, of_texts
                Template.compile_nodelist = compiled

    def _compile(self, compiled: Any, template: Any) -> Any:
        """Compile a template; while faults are noted, without the tags that Django refuses."""
        noted = False
        while True:
            try:
                return compiled(template)
            except TemplateSyntaxError as error:
                position = is_noting() and getattr(getattr(error, "token", None), "position", None)
                if (
                    not position
                    or (without := without_block_at(template.source, position[0]))
                    == template.source
                ):
                    raise
                if not (noted and _FOLLOWS.search(str(error))):
                    note(self._explain(error, self))
                template.source, noted = without, True

    def _write_text(self, node: Any) -> str:
        if node.s:
            self._written[-1].append(trace_data(node.s, *self.position(node)))
        return str(node.s)

    def _render(self, render: Any, node: Any, context: Any) -> str:
        self._written.append([])
        self._positions.append(self.position(node))
        try:
            written: str = (
                node.nodelist.render(context) if _is_mjml(node) else render(node, context)
            )
        except Exception as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = error, node
            if not is_noting() or limit_of(error) or isinstance(error, RecursionError):
                raise
            note(self._explain(error, self))
            self._written[-1].clear()
            written = self._stand_in(node, context)
        finally:
            inside, position = self._written.pop(), self._positions.pop()
        self.undefined += (
            (name, Place(*position)) for name in undefined_names(node, context, written)
        )
        if written:
            self._written[-1].append(_with_places(plain(written), concat(inside), position))
        return written

    def _stand_in(self, node: Any, context: Any) -> str:
        """Return nothing for a failed include, the content of a failed block, else a text."""
        inside = getattr(node, "nodelist", None) or getattr(node, "nodelist_loop", None)
        if isinstance(node, IncludeNode):
            return ""
        if not inside:
            return stand_in_for(NOT_RENDERED)
        if not isinstance(node, ExtendsNode):
            return str(inside.render(context))
        start, end = LAYOUTS[str(node.origin.name).count(".mjml") > 0]
        self._written[-1].append(trace_data(start, NO_LAYOUT, 1, 1))
        blocks = str(inside.render(context))
        self._written[-1].append(trace_data(end, NO_LAYOUT, 1, 1))
        return f"{start}{blocks}{end}"


def _with_places(written: str, inside: str, position: _Position) -> str:
    """Return the text of a node with places. `inside`: the text of its children."""
    if written == inside:
        return inside
    if inside and (start := written.find(str(inside))) >= 0:
        around = (written[:start], written[start + len(inside) :])
        before, after = (trace_printed(text, *position) for text in around)
        return concat([before, inside, after])
    if inside:  # blanks and the case may differ, as after {% spaceless %}
        written = keep_origins(lambda _: written)(inside)
    return trace_printed(written, *position)


def _is_mjml(node: Any) -> bool:
    token = getattr(node, "token", None)
    return (
        token is not None
        and token.contents.split(None, 1)[:1] == ["mjml"]
        and hasattr(node, "nodelist")
    )


def _source(origin: Any) -> str:
    try:
        source: str = (
            origin.loader.get_contents(origin)
            if origin.loader
            else Path(origin.name).read_text("utf-8")
        )
    except Exception:  # noqa: BLE001 - the project's loader; without a source there are no columns
        return ""
    return plain(source)


# Filters with a replacement for a missing value.
_FOR_NOTHING = frozenset({"default", "default_if_none", "yesno"})


def undefined_names(node: Any, context: Any, written: str) -> Iterator[str]:
    match node:
        case VariableNode() if not written:
            yield from _undefined(node.filter_expression, context)
        case ForNode() if not written.strip():
            yield from _undefined(node.sequence, context)
        case BlockTranslateNode():
            bound = {*(node.extra_context or ()), node.countervar}
            for token in (*node.singular, *(node.plural or ())):
                if (
                    token.token_type == TokenType.VAR
                    and token.contents not in bound
                    and token.contents not in context
                ):
                    yield plain(token.contents)


def _undefined(expression: Any, context: Any) -> Iterator[str]:
    if isinstance(expression, FilterExpression) and expression.is_var:
        filters = {getattr(function, "_filter_name", "") for function, _ in expression.filters}
        try:
            expression.var.resolve(context)
        except VariableDoesNotExist:
            yield from () if filters & _FOR_NOTHING else (plain(str(expression.var)),)
