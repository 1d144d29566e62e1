"""The differences between two texts: line by line, with the words that changed within a line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import groupby
from typing import Literal, NamedTuple

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_AROUND = 3  # unchanged lines that are kept around a change
_FOLDED_FROM = 4  # this many or more lines without a change near them are folded


class LinePiece(NamedTuple):
    text: str
    changed: bool = False


class Line(NamedTuple):
    """A line of two texts. `old`, `new`: its numbers, from 1; None in a text without the line."""

    kind: Literal["same", "old", "new"]
    old: int | None
    new: int | None
    pieces: tuple[LinePiece, ...]


class LineGroup(NamedTuple):
    """Consecutive lines. `folded`: far from any change."""

    lines: tuple[Line, ...]
    folded: bool


@dataclass(frozen=True)
class Difference:
    lines: tuple[Line, ...]

    @property
    def removed(self) -> int:
        return sum(line.kind == "old" for line in self.lines)

    @property
    def added(self) -> int:
        return sum(line.kind == "new" for line in self.lines)

    @cached_property
    def edits(self) -> frozenset[tuple[str, str]]:
        """The changed texts: mails with the same edits were changed in the same way."""
        changed = [line for line in self.lines if line.kind != "same"]
        pieces = (
            (line.kind, one)
            for line in changed
            for one in line.pieces
            if one.changed or len(line.pieces) == 1
        )
        return frozenset((kind, one.text.strip()) for kind, one in pieces)

    def groups(self) -> list[LineGroup]:
        near = set[int]()
        for at, line in enumerate(self.lines):
            if line.kind != "same":
                near.update(range(at - _AROUND, at + _AROUND + 1))
        groups = []
        for is_near, numbers in groupby(range(len(self.lines)), near.__contains__):
            lines = tuple(self.lines[at] for at in numbers)
            is_long = len(lines) >= _FOLDED_FROM
            groups.append(LineGroup(lines, folded=is_long and not is_near))
        return groups


def difference(before: str, after: str) -> Difference:
    return Difference(tuple(_lines(_split(before), _split(after))))


def replacement(before: str, after: str) -> Difference:
    """Return a difference without a comparison: all old lines removed, all new ones added."""
    old, new = _split(before), _split(after)
    removed = [Line("old", number, None, (LinePiece(text),)) for number, text in enumerate(old, 1)]
    added = [Line("new", None, number, (LinePiece(text),)) for number, text in enumerate(new, 1)]
    return Difference((*removed, *added))


def _split(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    head, tail = _equal_ends(old, new)  # mails are long, and most of a mail stays
    middle = SequenceMatcher(
        None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False
    )
    blocks = (
        (head + at_old, head + at_new, size)
        for at_old, at_new, size in middle.get_matching_blocks()
    )
    end_old = end_new = 0
    for at_old, at_new, size in ((0, 0, head), *blocks, (len(old) - tail, len(new) - tail, tail)):
        yield from _changed(old, new, range(end_old, at_old), range(end_new, at_new))
        end_old, end_new = at_old + size, at_new + size
        for step, text in enumerate(old[at_old:end_old], 1):
            yield Line("same", at_old + step, at_new + step, (LinePiece(text),))


def _changed(old: list[str], new: list[str], olds: range, news: range) -> Iterator[Line]:
    """Yield changed lines.

    If a block has as many lines as before, each line comes with its new version.
    """
    if len(olds) != len(news):
        yield from (Line("old", at + 1, None, (LinePiece(old[at]),)) for at in olds)
        yield from (Line("new", None, at + 1, (LinePiece(new[at]),)) for at in news)
        return
    for at_old, at_new in zip(olds, news, strict=True):
        one, other = _TOKEN.findall(old[at_old]), _TOKEN.findall(new[at_new])
        head, tail = _equal_ends(one, other)
        yield Line("old", at_old + 1, None, tuple(_pieces(one, head, tail)))
        yield Line("new", None, at_new + 1, tuple(_pieces(other, head, tail)))


def _equal_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many items two lists share at their beginnings, and of the rest, at their ends."""
    most = min(len(old), len(new))
    head = next((at for at in range(most) if old[at] != new[at]), most)
    return head, next(
        (at for at in range(most - head) if old[-1 - at] != new[-1 - at]), most - head
    )


def _pieces(tokens: list[str], head: int, tail: int) -> Iterator[LinePiece]:
    end = len(tokens) - tail
    for part, changed in ((tokens[:head], False), (tokens[head:end], True), (tokens[end:], False)):
        if part:
            yield LinePiece("".join(part), changed)
