"""Which line of which template wrote what, told by Django's nodes while they are rendered.

Nodes return plain texts and join them as they like, so places travel beside them: every node tells what its children
wrote, and where the node's own text is made of just that, its places are theirs. The text is not touched.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.template.base import Node, TextNode

from keyturn.emails.engines.django.undefined_names import undefined_names
from keyturn.emails.lint.finding import Place, line_and_column
from keyturn.emails.lint.source.traced_text import Text, concat, keep_origins, pieces_of, trace_data, trace_printed

_Position = tuple[str, int, int]
_NOWHERE: _Position = ("", 1, 1)
_ONE_AT_A_TIME = threading.Lock()


class Tracer:
    """Remembers what one rendering wrote.

    `failed` is the last exception, and the innermost node that raised it; `undefined` are names that were printed and
    that nobody gave.
    """

    def __init__(self) -> None:
        self.failed: tuple[BaseException, Any] | None = None
        self.undefined: list[tuple[str, Place]] = []
        self._written: list[list[str]] = [[]]
        self._positions: list[_Position] = [_NOWHERE]
        self._sources: dict[str, str] = {}

    @property
    def text(self) -> str:
        """All that was written, with its places."""
        written = concat(self._written[0])
        text = Text(written)
        text.pieces, text.undefined = pieces_of(written), tuple(dict.fromkeys(self.undefined))
        return text

    def position(self, node: Any) -> _Position:
        """Return file, line and column of a node; of the one around it, where it stands in no template."""
        token, origin = getattr(node, "token", None), getattr(node, "origin", None)
        if token is None or origin is None or not origin.template_name:
            return self._positions[-1]
        return (origin.template_name, token.lineno, self.column(origin, token))

    def column(self, origin: Any, token: Any) -> int:
        """Return the column of a token: those of an engine that debugs know where they start."""
        if not token.position:
            return 1
        if origin.name not in self._sources:
            self._sources[origin.name] = _source(origin)
        return line_and_column(self._sources[origin.name], token.position[0])[1]

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Have all nodes tell what they write, until this ends. One rendering at a time in a process."""
        with _ONE_AT_A_TIME:
            of_nodes, of_texts = Node.render_annotated, TextNode.render_annotated
            Node.render_annotated = lambda node, context: self._render(of_nodes, node, context)
            TextNode.render_annotated = lambda node, _: self._write_text(node)
            try:
                yield
            finally:
                Node.render_annotated, TextNode.render_annotated = of_nodes, of_texts

    def _write_text(self, node: Any) -> str:
        text: str = node.s
        if text:
            self._written[-1].append(trace_data(text, *self.position(node)))
        return text

    def _render(self, render: Any, node: Any, context: Any) -> str:
        self._written.append([])
        self._positions.append(self.position(node))
        try:
            written: str = node.nodelist.render(context) if _is_mjml(node) else render(node, context)
        except Exception as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = error, node
            raise
        finally:
            inside, position = self._written.pop(), self._positions.pop()
        self.undefined += ((name, Place(*position)) for name in undefined_names(node, context, written))
        if written:
            self._written[-1].append(_with_places(str.__add__(written, ""), concat(inside), position))
        return written


def _with_places(written: str, inside: str, position: _Position) -> str:
    """Return what a node wrote with its places; `inside` is what its children wrote."""
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
    """Tell whether a node is a `{% mjml %}` block, of whatever package."""
    token = getattr(node, "token", None)
    return token is not None and token.contents.split(None, 1)[:1] == ["mjml"] and hasattr(node, "nodelist")


def _source(origin: Any) -> str:
    try:
        source: str = origin.loader.get_contents(origin)
    except Exception:  # noqa: BLE001 - a loader of the project's own: there is no column then
        return ""
    return source
