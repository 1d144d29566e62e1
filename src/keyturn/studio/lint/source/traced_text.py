"""Strings that know the template of each piece; what is formatted or sliced has the place of its
expression.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import markupsafe
from jinja2 import Environment, nodes, pass_eval_context, runtime

from keyturn.studio.gallery.sandbox import raise_where_it_is
from keyturn.studio.gallery.variables.made_up import MadeUp, source_among, source_of
from keyturn.studio.lint.finding import Place

T = TypeVar("T")


class Piece(NamedTuple):
    """The text from `start` to the next piece, and the place where it is written, or None if that
    is unknown.

    `verbatim`: it is the template's own text, so its columns continue from `place`. `via`: the
    expressions that printed it, the innermost first, as the calls of its macro. `made_up`: the
    variable of which Keyturn made it up, or empty.
    """

    start: int
    place: Place | None = None
    verbatim: bool = False
    via: tuple[Place, ...] = ()
    made_up: str = ""


class TracedText(str):
    """A plain text with its pieces."""

    __slots__ = ("pieces", "undefined")
    pieces: tuple[Piece, ...]
    undefined: tuple[tuple[str, Place], ...]
    """Printed names without a value, with their places, if the engine prints nothing for them."""


class Markup(markupsafe.Markup):
    """An escaped text with its pieces."""

    __slots__ = ("pieces",)
    pieces: tuple[Piece, ...]


def pieces_of(text: object) -> tuple[Piece, ...]:
    """Return the pieces in order; an empty tuple for plain strings, such as results of string
    methods.
    """
    return getattr(text, "pieces", ()) if isinstance(text, TracedText | Markup) else ()


def with_undefined(text: str, undefined: Iterable[tuple[str, Place]]) -> TracedText:
    """Return the text with its pieces and these names, for which the engine prints nothing."""
    traced = TracedText(text)
    traced.pieces, traced.undefined = pieces_of(text), tuple(dict.fromkeys(undefined))
    return traced


def trail_at(text: object, offset: int, file: str) -> tuple[Place, ...]:
    """Return the place of a character in the templates, by default in `file`, then the places of
    its `via`.
    """
    pieces = pieces_of(text)
    index = bisect_right(pieces, offset, key=lambda piece: piece.start) - 1
    piece = _shift_columns(pieces[index], offset) if index >= 0 else Piece(0)
    return (piece.place, *piece.via) if piece.place else (Place(file),)


def made_up_in(text: object, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    """Yield the made-up stretches between two offsets: the start and stop of each, and its
    variable.
    """
    pieces = pieces_of(text)
    first = max(bisect_right(pieces, start, key=lambda piece: piece.start) - 1, 0)
    for nth, piece in enumerate(pieces[first:], first):
        if piece.start >= stop:
            return
        end = pieces[nth + 1].start if nth + 1 < len(pieces) else stop
        if piece.made_up and end > start:
            yield max(piece.start, start), min(end, stop), piece.made_up


def with_pieces(text: str, pieces: Iterable[Piece]) -> str:
    traced = Markup(text) if hasattr(text, "__html__") else TracedText(text)
    traced.pieces = tuple(pieces)
    return traced


def concat(parts: Iterable[str]) -> str:
    """Do what `"".join` does."""
    texts: list[str] = []
    pieces: list[Piece] = []
    length = 0
    try:
        for part in parts:
            if part:
                known = pieces_of(part) or (Piece(0, made_up=source_of(part)),)
                pieces.extend(Piece(length + one.start, *one[1:]) for one in known)
                texts.append(part)
                length += len(part)
    except Exception as error:
        raise_where_it_is(error, parts)
        raise
    return with_pieces("".join(texts), pieces)


def rearranged(text: str, parts: Iterable[range]) -> str:
    """Return the parts of a text one behind the other, each with its pieces."""
    return concat(_cut(text, part) for part in parts)


def _cut(text: str, part: range) -> str:
    pieces = pieces_of(text)
    first = max(bisect_right(pieces, part.start, key=lambda piece: piece.start) - 1, 0)
    inside: list[Piece] = []
    for piece in pieces[first:]:
        if piece.start >= part.stop:
            break
        from_start = _shift_columns(piece, max(piece.start, part.start))
        inside.append(from_start._replace(start=max(piece.start - part.start, 0)))
    return with_pieces(str(text)[part.start : part.stop], inside)


def trace_data(text: str, file: str, line: int, column: int) -> str:
    """Return the template's own text from that place on, with a piece for each line."""
    pieces, start = [], 0
    for number, content in enumerate(text.split("\n"), line):
        pieces.append(Piece(start, Place(file, number, 1 if start else column), verbatim=True))
        start += len(content) + 1
    return with_pieces(text, pieces)


def trace_printed(value: str, file: str, line: int, column: int) -> str:
    """Return the output of an expression, whose place becomes the origin of pieces without one."""
    place = Place(file, line, column)
    pieces = pieces_of(value) or (Piece(0),)
    printed = (
        one._replace(via=(*one.via, place)) if one.place else one._replace(place=place)
        for one in pieces
    )
    return with_pieces(value, printed)


def markup(value: Any = "") -> str:
    """Do what `Markup` does."""
    return with_pieces(markupsafe.Markup(value), pieces_of(value))  # noqa: S704 - where the generated code has one


def escape(value: Any) -> str:
    """Do what `escape` does."""
    escaped = markupsafe.escape(value)
    if hasattr(value, "__html__") or escaped == value:
        return with_pieces(escaped, pieces_of(value) or _made_up_of(value))
    return with_pieces(escaped, _made_up_of(value))  # of a text that has become longer


def string(value: Any) -> str:
    """Do what `str` does."""
    if isinstance(value, TracedText | Markup):
        return value
    text, made_up = str(value), _made_up_of(value)
    return with_pieces(text, made_up) if made_up else text


def _made_up_of(value: object) -> Sequence[Piece]:
    """Return one piece for a text that is made up, or has such a part."""
    source = source_of(value) or next((one.made_up for one in pieces_of(value) if one.made_up), "")
    return (Piece(0, made_up=source),) if source else ()


def made_of(result: T, *values: object) -> T | str:
    """Return the result of a function or an operator, which is made up if one of the values is."""
    if not isinstance(result, str) or pieces_of(result) or not (source := source_among(values)):
        return result
    return (
        with_pieces(result, [Piece(0, made_up=source)])
        if hasattr(result, "__html__")
        else MadeUp(result, source)
    )


def markup_join(values: Iterable[Any]) -> str:
    """Do what `~` does where texts are escaped."""
    parts = [value if isinstance(value, str) else str(value) for value in values]
    if any(hasattr(part, "__html__") for part in parts):
        return markup(concat(escape(part) for part in parts))
    return concat(parts)


def str_join(values: Iterable[Any]) -> str:
    """Do what `~` does where texts are not escaped."""
    return concat(string(value) for value in values)


def keep_origins(text_filter: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that its result keeps the pieces of its argument."""

    @wraps(text_filter)
    def apply(*arguments: Any, **options: Any) -> Any:
        result = text_filter(*arguments, **options)
        source = next((argument for argument in arguments[:2] if pieces_of(argument)), None)
        followed = (
            follow(source, result) if source is not None and isinstance(result, str) else result
        )
        return made_of(followed, *arguments, *options.values())

    return apply


class TracedMacro(runtime.Macro):
    """A macro whose result keeps its pieces."""

    def __init__(self, environment: Environment, *definition: Any) -> None:
        *_, self.escapes = definition
        super().__init__(environment, *definition)
        self.unescaped = nodes.EvalContext(environment)
        self.unescaped.autoescape = False

    @pass_eval_context
    def __call__(self, *args: Any, **named: Any) -> str:
        escapes = self.escapes
        if args and isinstance(args[0], nodes.EvalContext):
            escapes = args[0].autoescape
            args = args[1:]
        # Where texts are escaped, Jinja would make another text of the result, without its pieces.
        result: str = super().__call__(self.unescaped, *args, **named)
        return markup(result) if escapes else result


class Block:
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
    def super(self) -> "Block | runtime.Undefined":
        return block_at(self._context, self._name, self._depth + 1)


def block_at(context: runtime.Context, name: str, depth: int) -> Block | runtime.Undefined:
    if depth < len(context.blocks[name]):
        return Block(context, name, depth)
    return context.environment.undefined(f"there is no parent block called {name!r}.", name="super")


class TemplateReference(runtime.TemplateReference):
    """`self` in templates."""

    def __init__(self, context: runtime.Context) -> None:
        super().__init__(context)
        self._context = context

    def __getitem__(self, name: str) -> Any:
        return block_at(self._context, name, 0)


def follow(source: str, result: str) -> str:
    """Give `result` the pieces of `source`, if they differ in nothing but blanks and the case."""
    before = [index for index, character in enumerate(source) if not character.isspace()]
    after = [index for index, character in enumerate(result) if not character.isspace()]
    if (
        len(before) != len(after)
        or "".join(source.split()).casefold() != "".join(result.split()).casefold()
    ):
        return result
    pieces: list[Piece] = []
    for piece in pieces_of(source):
        nth = bisect_right(before, piece.start - 1)
        if nth < len(before):
            pieces.append(_shift_columns(piece, before[nth])._replace(start=after[nth]))
    leading = [pieces_of(source)[0]._replace(start=0)] if after and after[0] else []
    return with_pieces(result, [*leading, *pieces])


def _shift_columns(piece: Piece, offset: int) -> Piece:
    """Return the piece from that offset of its text on."""
    at, characters = piece.place, offset - piece.start
    if not (at and piece.verbatim and characters):
        return piece
    return piece._replace(place=Place(at.file, at.line, at.column + characters))
