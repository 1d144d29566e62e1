"""Traces the places of text that Liquid renders.

Nodes write into a text stream. Here the stream keeps a place for each piece, and nodes set its current position.
Captured text keeps its places, too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import StringIO
from typing import Any

from liquid import RenderContext
from liquid.builtin.content import ContentNode
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.exceptions import (
    LiquidInterrupt,
    OutputStreamLimitError,
    ResourceLimitError,
    StopRender,
    TemplateNotFoundError,
)
from liquid.stringify import to_liquid_string
from liquid.token import TOKEN_TAG, Token
from liquid.undefined import UNDEFINED, Undefined

from keyturn.emails.gallery.branches.points import note_lacking
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.emails.gallery.variables.missing_names import is_noting, note, stand_in_for
from keyturn.emails.lint.finding import Place, limit_of, line_and_column
from keyturn.emails.lint.source.stand_ins import NOT_RENDERED
from keyturn.emails.lint.source.traced_text import concat, pieces_of, trace_data, trace_printed
from keyturn.errors import TemplateInvalid

_Position = tuple[str, int, int]
_NOWHERE: _Position = ("", 1, 1)


class NamedUndefined(Undefined):
    """A missing value. `path`: "order.total"; empty if the name exists, as for the first item of an empty list."""

    __slots__ = ("path",)

    def __init__(self, name: str, *, token: Any = None, obj: object = UNDEFINED, hint: str | None = None) -> None:
        super().__init__(name, token=token, obj=obj, hint=hint)
        path, _, said = (hint or f"{name} is undefined").rpartition(" is ")
        self.path = path.strip("'") if said == "undefined" else ""


class LiquidTracer:
    """Records names without a value, and the innermost node that failed, of one rendering.

    Where faults are noted, a node that fails is explained by `explain`, and shows a stand-in.
    """

    def __init__(self, explain: Callable[[Exception, "LiquidTracer"], TemplateInvalid]) -> None:
        self.explain = explain
        self.undefined: list[tuple[str, Place]] = []
        self.failed: tuple[BaseException, str, Token] | None = None

    @contextmanager
    def tracing(self) -> Iterator[None]:
        token = _tracer.set(self)
        try:
            yield
        finally:
            _tracer.reset(token)

    def note_undefined(self, value: object, position: _Position) -> None:
        if isinstance(value, NamedUndefined) and (name := value.path):
            self.undefined.append((name, Place(*position)))
            note_lacking(name.rpartition(".")[2])


_tracer: ContextVar[LiquidTracer] = ContextVar("tracer")


class TracedStream(StringIO):
    """A text stream with places. Text without places gets `position`."""

    def __init__(self, limit: int = LARGEST, position: _Position = _NOWHERE) -> None:
        super().__init__()
        self.position = position
        self.left = limit
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        if text:
            self.left -= len(text)
            if self.left < 0:
                raise OutputStreamLimitError(f"the text has more than {LARGEST:,} characters", token=None)
            self._parts.append(text if pieces_of(text) else trace_printed(text, *self.position))
        return len(text)

    def getvalue(self) -> str:
        return concat(self._parts)


class TracedContext(RenderContext):
    def get_buffer(self, buf: Any = None) -> StringIO:
        return TracedStream(buf.left, buf.position) if isinstance(buf, TracedStream) else TracedStream()


_ENDING = (LiquidInterrupt, StopRender, ResourceLimitError, RecursionError, UnicodeDecodeError, OSError)
"""Exceptions that end more than a node."""


class TracedNode:
    """A mix-in for nodes, which sets the position of the stream and reports failures to the tracer."""

    token: Token

    def render(self, context: RenderContext, buffer: Any) -> int:
        file = str(context.template.path)
        position = (file, *self._line_and_column())
        before = getattr(buffer, "position", position)
        buffer.position = position
        try:
            written: int = super().render(context, buffer)  # type: ignore[misc]  # of the node that this is mixed into
        except Exception as error:
            tracer = _tracer.get()
            if tracer.failed is None or tracer.failed[0] is not error:
                of_error: Token | None = getattr(error, "token", None)  # python-liquid sets one later
                is_known = of_error is not None and of_error.start_index >= 0
                tracer.failed = error, file, of_error if of_error and is_known else self.token
            if not is_noting() or isinstance(error, _ENDING) or limit_of(error):
                raise
            note(tracer.explain(error, tracer))
            stand_in = "" if isinstance(error, TemplateNotFoundError) else stand_in_for(NOT_RENDERED)
            return int(buffer.write(trace_printed(stand_in, *position)))
        finally:
            buffer.position = before
        return written

    def _line_and_column(self) -> tuple[int, int]:
        if "_at" not in self.__dict__:
            self._at = line_and_column(self.token.source, start_of(self.token))
        return self._at


class _TracedContent(TracedNode, ContentNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        if "_text" not in self.__dict__:  # a minus sign may have removed blanks before it, and `raw` a tag
            start = max(self.token.source.find(self.text, self.token.start_index), 0)
            self._text = trace_data(self.text, str(context.template.path), *line_and_column(self.token.source, start))
        written: int = buffer.write(self._text)
        return written


class _TracedOutput(TracedNode, OutputNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        value, position = self.expression.evaluate(context), getattr(buffer, "position", _NOWHERE)
        left: Any = getattr(self.expression, "left", None)
        filters = {one.name for one in getattr(self.expression, "filters", None) or ()}
        if left is not None and "default" not in filters:  # the author's replacement
            _tracer.get().note_undefined(left.evaluate(context) if filters else value, position)
        written: int = buffer.write(trace_printed(to_liquid_string(value, autoescape=False), *position))
        return written


class _TracedFor(TracedNode, ForNode):
    """A loop, whose list may be missing."""

    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        if self.default is None:
            _tracer.get().note_undefined(self.expression.iterable.evaluate(context), buffer.position)
        return super().render_to_output(context, buffer)


_OWN: dict[type[Any], type[Any]] = {ContentNode: _TracedContent, OutputNode: _TracedOutput, ForNode: _TracedFor}


def traced(node_class: type[Any]) -> type[Any]:
    if node_class not in _OWN:
        above = _TracedOutput if issubclass(node_class, OutputNode) else TracedNode
        _OWN[node_class] = type(f"Traced{node_class.__name__}", (above, node_class), {})
    return _OWN[node_class]


def start_of(token: Token) -> int:
    """Return the start of a token's tag. In a `liquid` tag, the token itself is the start."""
    start = max(token.start_index, 0)
    opened = token.source.rfind("{%", 0, start) if token.kind == TOKEN_TAG else -1
    return start if opened < 0 or token.source[opened:start].strip("{%- \t\n") else opened
