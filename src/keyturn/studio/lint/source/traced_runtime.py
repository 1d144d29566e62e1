"""What takes the place of Jinja's own functions and classes when a template is rendered, so that
texts keep their pieces.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import markupsafe
from jinja2 import Environment, nodes, pass_eval_context, runtime

from keyturn.studio.gallery.variables.made_up import MadeUp, source_among, source_of
from keyturn.studio.lint.source.traced_text import (
    Markup,
    Piece,
    TracedText,
    concat,
    follow,
    pieces_of,
    with_pieces,
)

T = TypeVar("T")


def markup(value: object = "") -> str:
    """Do what `Markup` does."""
    # It is called where Jinja's code calls `Markup`, so no text becomes safe that was not.
    return with_pieces(markupsafe.Markup(value), pieces_of(value))  # noqa: S704


def escape(value: object) -> str:
    """Do what `escape` does."""
    escaped = markupsafe.escape(value)
    is_longer = not hasattr(value, "__html__") and escaped != value
    pieces = () if is_longer else pieces_of(value)
    return with_pieces(escaped, pieces or _made_up_piece(value))


def string(value: object) -> str:
    """Do what `str` does."""
    if isinstance(value, TracedText | Markup):
        return value
    made_up = _made_up_piece(value)
    if not made_up:
        return str(value)
    return with_pieces(str(value), made_up)


def _made_up_piece(value: object) -> Sequence[Piece]:
    """Return one piece for a text that is made up, or has such a part; else none."""
    sources = [source_of(value), *(piece.made_up for piece in pieces_of(value))]
    source = next(filter(None, sources), "")
    return [Piece(0, made_up=source)] if source else []


def shown(context: runtime.Context, value: object, *, is_escaped: bool) -> str:
    """Return what `{{ value }}` prints."""
    finalize = context.environment.finalize
    if finalize:
        value = context.call(finalize, value)
    return escape(value) if is_escaped else string(value)


def markup_join(values: Iterable[object]) -> str:
    """Do what `~` does where texts are escaped."""
    parts = [value if isinstance(value, str) else str(value) for value in values]
    if any(hasattr(part, "__html__") for part in parts):
        return markup(concat(map(escape, parts)))
    return concat(parts)


def str_join(values: Iterable[object]) -> str:
    """Do what `~` does where texts are not escaped."""
    return concat(map(string, values))


def made_of(result: T, *values: object) -> T | str:
    """Return the result of a function or an operator, which is made up if one of the values is."""
    if not isinstance(result, str) or pieces_of(result):
        return result
    source = source_among(values)
    if not source:
        return result
    if hasattr(result, "__html__"):
        return with_pieces(result, [Piece(0, made_up=source)])
    return MadeUp(result, source)


def keep_origins(text_filter: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that its result keeps the pieces of its argument."""

    @wraps(text_filter)
    def apply(*arguments: Any, **options: Any) -> Any:
        result = text_filter(*arguments, **options)
        if isinstance(result, str):
            # The first argument may be Jinja's own, as the environment.
            traced = [argument for argument in arguments[:2] if pieces_of(argument)]
            if traced:
                result = follow(traced[0], result)
        return made_of(result, *arguments, *options.values())

    return apply


class TracedMacro(runtime.Macro):
    """A macro whose result keeps its pieces."""

    # Private, since templates reach a macro: a sandbox keeps them from private attributes alone.
    def __init__(self, environment: Environment, *definition: Any) -> None:
        super().__init__(environment, *definition)
        # In the code that Jinja generates, the last argument says whether texts are escaped.
        self._escapes = definition[-1]
        self._unescaped = nodes.EvalContext(environment)
        self._unescaped.autoescape = False

    @pass_eval_context
    def __call__(self, *args: Any, **named: Any) -> str:
        escapes = self._escapes
        if args and isinstance(args[0], nodes.EvalContext):
            escapes = args[0].autoescape
            args = args[1:]
        # Where texts are escaped, Jinja would make another text of the result, without its pieces.
        result: str = super().__call__(self._unescaped, *args, **named)
        return markup(result) if escapes else result


class PrintedBlock:
    """A block that is printed as a value: `super()`, `self.name()`.

    `depth`: 0 for the block itself, 1 for that of the layout, and so on.
    """

    # Private, so that templates in a sandbox reach none of them.
    def __init__(self, context: runtime.Context, name: str, depth: int) -> None:
        self._context = context
        self._name = name
        self._depth = depth

    def __call__(self) -> str:
        render = self._context.blocks[self._name][self._depth]
        result = concat(render(self._context))
        return markup(result) if self._context.eval_ctx.autoescape else result

    @property
    def super(self) -> "PrintedBlock | runtime.Undefined":
        return block_at(self._context, self._name, self._depth + 1)


def block_at(context: runtime.Context, name: str, depth: int) -> PrintedBlock | runtime.Undefined:
    if depth < len(context.blocks[name]):
        return PrintedBlock(context, name, depth)
    return context.environment.undefined(f"there is no parent block called {name!r}.", name="super")


class TemplateReference(runtime.TemplateReference):
    """`self` in templates."""

    def __init__(self, context: runtime.Context) -> None:
        super().__init__(context)
        self._context = context

    def __getitem__(self, name: str) -> Any:
        return block_at(self._context, name, 0)
