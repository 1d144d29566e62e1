"""Texts that know where each of their pieces is written.

If line 3 of mail.html is `<p>Hello {{ name }}</p>`, the rendered `<p>Hello Ada</p>` has three
pieces:

    start 0    <p>Hello    verbatim, mail.html:3:1
    start 9    Ada         printed at mail.html:3:10
    start 12   </p>        verbatim, mail.html:3:20

So the `H` is at mail.html:3:4, and each letter of the name at mail.html:3:10. The functions here
keep pieces where those of `str` would lose them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

import markupsafe

from keyturn.studio.gallery.sandbox import raise_where_it_is
from keyturn.studio.gallery.variables.made_up import source_of
from keyturn.studio.lint.finding import Place


class Piece(NamedTuple):
    """The text from `start` to the next piece, and the place where it is written, or None if that
    is unknown.

    `verbatim`: it is the template's own text, so its columns continue from `place`.
    `via`: the expressions that printed it, the innermost first, as the calls of its macro.
    `made_up`: the variable of which Keyturn made it up, or empty.
    """

    start: int
    place: Place | None = None
    verbatim: bool = False
    via: tuple[Place, ...] = ()
    made_up: str = ""

    def place_at(self, offset: int) -> Place | None:
        """Return the place of a character of the piece. `offset`: in the whole text."""
        if self.place is None or not self.verbatim:
            return self.place
        column = self.place.column + offset - self.start
        return Place(self.place.file, self.place.line, column)


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
    if not isinstance(text, TracedText | Markup):
        return ()
    return getattr(text, "pieces", ())  # results of its own methods have none


def with_pieces(text: str, pieces: Iterable[Piece]) -> str:
    traced = Markup(text) if hasattr(text, "__html__") else TracedText(text)
    traced.pieces = tuple(pieces)
    return traced


def with_undefined(text: str, undefined: Iterable[tuple[str, Place]]) -> TracedText:
    """Return the text with its pieces and these names, for which the engine prints nothing."""
    traced = TracedText(text)
    traced.pieces = pieces_of(text)
    traced.undefined = tuple(dict.fromkeys(undefined))
    return traced


def trace_data(text: str, file: str, line: int, column: int) -> str:
    """Return the template's own text from that place on, with a piece for each line."""
    pieces = []
    start = 0
    for number, content in enumerate(text.split("\n"), line):
        place = Place(file, number, 1 if start else column)
        pieces.append(Piece(start, place, verbatim=True))
        start += len(content) + 1
    return with_pieces(text, pieces)


def trace_printed(value: str, file: str, line: int, column: int) -> str:
    """Return the output of an expression, whose place becomes the origin of pieces without one."""
    place = Place(file, line, column)
    printed = []
    for piece in pieces_of(value) or (Piece(0),):
        if piece.place:
            printed.append(piece._replace(via=(*piece.via, place)))
        else:
            printed.append(piece._replace(place=place))
    return with_pieces(value, printed)


def trail_at(text: object, offset: int, file: str) -> tuple[Place, ...]:
    """Return the place of a character in the templates, by default in `file`, then the places of
    its `via`.
    """
    pieces = pieces_of(text)
    index = _index_at(pieces, offset)
    place = pieces[index].place_at(offset) if index >= 0 else None
    if place is None:
        return (Place(file),)
    return (place, *pieces[index].via)


def made_up_in(text: object, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    """Yield the made-up stretches between two offsets: the start and stop of each, and its
    variable.
    """
    for piece, following in pairwise([*_pieces_between(text, start, stop), Piece(stop)]):
        if piece.made_up and following.start > start:
            yield max(piece.start, start), following.start, piece.made_up


def concat(parts: Iterable[str]) -> str:
    """Do what `"".join` does."""
    texts: list[str] = []
    pieces: list[Piece] = []
    length = 0
    try:
        for part in parts:
            if not part:
                continue
            for piece in pieces_of(part) or (Piece(0, made_up=source_of(part)),):
                pieces.append(Piece(length + piece.start, *piece[1:]))
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
    inside = []
    for piece in _pieces_between(text, part.start, part.stop):
        offset = max(piece.start, part.start)
        inside.append(_moved(piece, offset, offset - part.start))
    return with_pieces(str(text)[part.start : part.stop], inside)


def follow(source: str, result: str) -> str:
    """Give `result` the pieces of `source`, if they differ in nothing but blanks and the case."""
    before = _without_blanks(source)
    after = _without_blanks(result)
    has_same_words = "".join(source.split()).casefold() == "".join(result.split()).casefold()
    if len(before) != len(after) or not has_same_words:
        return result
    pieces = []
    if after and after[0] > 0:  # the blanks before the first word
        pieces.append(pieces_of(source)[0]._replace(start=0))
    for piece in pieces_of(source):
        nth = bisect_left(before, piece.start)
        if nth < len(before):
            pieces.append(_moved(piece, before[nth], after[nth]))
    return with_pieces(result, pieces)


def _without_blanks(text: str) -> Sequence[int]:
    """Return the offsets of all characters that are no white space."""
    return [offset for offset, character in enumerate(text) if not character.isspace()]


def _pieces_between(text: object, start: int, stop: int) -> Sequence[Piece]:
    """Return the pieces with text between two offsets."""
    pieces = pieces_of(text)
    first = max(_index_at(pieces, start), 0)
    behind = bisect_left(pieces, stop, key=attrgetter("start"))
    return pieces[first:behind]


def _index_at(pieces: Sequence[Piece], offset: int) -> int:
    """Return the index of the piece with a character; -1 before the first piece."""
    return bisect_right(pieces, offset, key=attrgetter("start")) - 1


def _moved(piece: Piece, offset: int, start: int) -> Piece:
    """Return the rest of a piece, from an offset on, which starts elsewhere in another text."""
    return piece._replace(start=start, place=piece.place_at(offset))
