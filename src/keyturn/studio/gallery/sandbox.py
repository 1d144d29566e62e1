"""A sandbox for untrusted templates: Jinja's own, with limits on time and size.

A template is a program that reaches Python's objects and so the machine (OWASP WSTG-INPV-18).
Renderers limit memory.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import wraps
from time import monotonic, thread_time
from types import BuiltinMethodType, MethodType
from typing import Any, TypeVar

from jinja2 import Environment, Template, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import MAX_RANGE, ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import generate_lorem_ipsum
from jinja2.visitor import NodeTransformer

from keyturn.context_values import within
from keyturn.studio.gallery.environments import FolderEnvironment
from keyturn.studio.gallery.naming import LARGEST
from keyturn.studio.gallery.syntax_trees import method_call

T = TypeVar("T")

LONGEST = 2.0  # seconds of processor time for one rendering; a mail takes milliseconds
_WIDEST = 1000  # the maximum of widths, columns and paragraphs
_PADDING_METHODS = frozenset({"center", "expandtabs", "ljust", "rjust", "to_bytes", "zfill"})
# Functions whose numbers make a text longer, with the index of the first number.
_PADDING_FUNCTIONS = {
    "batch": 1,
    "center": 1,
    "indent": 1,
    "lipsum": 0,
    "round": 1,
    "slice": 1,
    "tojson": 2,
}
_WIDE_FORMAT = re.compile(  # a width of four digits, or one from a value
    r"%(?:\([^)]*\))?[-+ #0]*(?:\d*\.)?(?:\d{4}|\*)"  # printf's
    r"|\{[^{}]*:[^{}]*(?:\d{4}|\{)"  # str.format's
)

# From each of these, a template reaches an environment, and by that one without a sandbox.
_OF_JINJA = (Environment, Template, Context, nodes.EvalContext)

# When a rendering must end, in seconds: by the clock, and by the processor.
_ends_at: ContextVar[tuple[float, float] | None] = ContextVar("ends_at", default=None)


class OutOfBounds(SecurityError):
    """A limit of a whole mail was passed. Other refusals concern one expression."""


class EndedBySandbox(OutOfBounds):
    """The mail takes too long.

    The alarm of a renderer, which counts by ticks, may be later on a busy machine.
    """


class _EndingTemplate(Template):
    def render(self, *args: Any, **values: Any) -> str:
        with within(_ends_at, (monotonic() + LONGEST, thread_time() + LONGEST)):
            return super().render(*args, **values)


class _BoundingCalls(NodeTransformer):
    """Wraps each loop and each `~`, which Jinja's sandbox does not intercept, in a call of the
    environment.
    """

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        node.iter = method_call("bounded_loop", node.iter, node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> Any:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return method_call("bounded_text", node, node)


def _add_bounds(tree: nodes.Template, _file: str) -> nodes.Template:
    bounded: nodes.Template = _BoundingCalls().visit(tree)
    return bounded


class SandboxedFolderEnvironment(FolderEnvironment, ImmutableSandboxedEnvironment):
    """A folder's environment in which templates reach only their values, change none, and end.

    A template that does otherwise raises SecurityError.
    """

    template_class = _EndingTemplate
    tree_changes = (_add_bounds,)
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.globals |= {
            "lipsum": _bounded_function("lipsum", generate_lorem_ipsum),
            "range": _short_range,
        }
        self.filters = {
            name: _bounded_function(name, function) for name, function in self.filters.items()
        }
        # As NativeEnvironment does.
        self.concat = lambda parts: "".join(self.bounded_parts(parts))  # type: ignore[method-assign]

    def bounded_parts(self, parts: Iterable[str]) -> Iterator[str]:
        length = 0
        try:
            for part in parts:
                length += len(part)
                _require_size(length, OutOfBounds)
                yield part
        except Exception as error:
            raise_where_it_is(error, parts)
            raise

    def bounded_loop(self, entries: Iterable[T]) -> Iterator[T]:
        return _bounded(iter(entries))  # fails here, and not at the first entry

    def bounded_text(self, text: T) -> T:
        return _require_short(text)

    def call(self, context: Context, called: Any, /, *args: Any, **values: Any) -> Any:
        _require_time()
        # Those of a safe text (Markup) are written in Python.
        if (
            isinstance(called, BuiltinMethodType | MethodType)
            and called.__name__ in _PADDING_METHODS
        ):
            _require_narrow(*args, *values.values())
        return _require_short(super().call(context, called, *args, **values))

    def is_safe_callable(self, obj: Any) -> bool:
        # Jinja asks an attribute, for which an undefined value raises its own error.
        return isinstance(obj, Undefined) or super().is_safe_callable(obj)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        match operator, left, right:
            case "*", str() | list() | tuple(), int():
                _require_size(len(left) * right)
            case "*", int(), str() | list() | tuple():
                _require_size(len(right) * left)
            case "*", int(), int():
                _require_size(left.bit_length() + right.bit_length())
            case "**", int(), int():
                _require_size(left.bit_length() * right)
            case "%", str(), _:
                _require_narrow_format(left)
        return _require_short(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped:
            _require_narrow_format(value.__self__)
        return wrapped

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse, too, all that belongs to Jinja itself: by an environment, a template makes
        another one without a sandbox (OWASP WSTG-INPV-18).
        """
        if isinstance(obj, _OF_JINJA) or (isinstance(obj, type) and issubclass(obj, _OF_JINJA)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    # Templates that include each other for ever may have no loop: time is checked at each.
    def get_template(self, *args: Any, **options: Any) -> Template:
        _require_time()
        return super().get_template(*args, **options)

    def select_template(self, *args: Any, **options: Any) -> Template:
        _require_time()
        return super().select_template(*args, **options)


def _bounded(entries: Iterator[T]) -> Iterator[T]:
    for entry in entries:
        _require_time()
        yield entry


def _bounded_function(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def apply(*args: Any, **options: Any) -> Any:
        _require_time()
        if name in _PADDING_FUNCTIONS:
            _require_narrow(*args[_PADDING_FUNCTIONS[name] :], *options.values())
        if name == "format":
            _require_narrow_format(str(args[0]))
        return _require_short(function(*args, **options))

    return apply


def _short_range(*bounds: int) -> range:
    try:
        return safe_range(*bounds)
    except OverflowError:
        raise SecurityError(f"a range is limited to {MAX_RANGE:,} numbers") from None


def _require_time() -> None:
    ends_at = _ends_at.get()
    if ends_at is not None and monotonic() > ends_at[0] and thread_time() > ends_at[1]:
        raise EndedBySandbox(f"it takes longer than {LONGEST:g} seconds")


def _require_short(value: T) -> T:
    if isinstance(value, str | list | tuple):
        _require_size(len(value))
    return value


def _require_size(size: int, refusal: type[SecurityError] = SecurityError) -> None:
    if size > LARGEST:
        raise refusal(f"a text or list has more than {LARGEST:,} characters or entries")


def _require_narrow(*numbers: Any) -> None:
    if any(isinstance(number, int) and abs(number) > _WIDEST for number in numbers):
        raise SecurityError(f"padding, repeating and rounding are limited to {_WIDEST:,}")


def _require_narrow_format(pattern: str) -> None:
    if _WIDE_FORMAT.search(pattern):
        raise SecurityError(
            f"the width in a format must be a number up to {_WIDEST - 1}, not a value"
        )


def raise_where_it_is(error: Exception, parts: Iterable[str]) -> None:
    """Raise the error inside the template that prints the parts, so that its line is known, or else
    return.
    """
    if inspect.isgenerator(parts) and inspect.getgeneratorstate(parts) == inspect.GEN_SUSPENDED:
        parts.throw(error)
