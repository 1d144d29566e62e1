"""The differences between two texts: line by line, with the words that changed within a line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
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
        edits: set[tuple[str, str]] = set()
        for line in self.lines:
            if line.kind == "same":
                continue
            for piece in line.pieces:
                if piece.changed or len(line.pieces) == 1:
                    edits.add((line.kind, piece.text.strip()))
        return frozenset(edits)

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
    lines = []
    for number, text in enumerate(_split(before), 1):
        lines.append(_removed_line(number, text))
    for number, text in enumerate(_split(after), 1):
        lines.append(_added_line(number, text))
    return Difference(tuple(lines))


def _removed_line(number: int, text: str) -> Line:
    return Line("old", number, None, (LinePiece(text),))


def _added_line(number: int, text: str) -> Line:
    return Line("new", None, number, (LinePiece(text),))


def _split(text: str) -> list[str]:
    if not text:
        return []
    return text.removesuffix("\n").split("\n")


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    end_old = 0
    end_new = 0
    for block in _equal_blocks(old, new):
        yield from _changed(old, new, range(end_old, block.a), range(end_new, block.b))
        end_old = block.a + block.size
        end_new = block.b + block.size
        for step, text in enumerate(old[block.a : end_old], 1):
            yield Line("same", block.a + step, block.b + step, (LinePiece(text),))


def _equal_blocks(old: list[str], new: list[str]) -> Iterator[Match]:
    """Yield where both texts have the same lines, in order.

    Mails are long, and most of a mail stays: only what lies between the equal ends is compared.
    """
    head, tail = _equal_ends(old, new)
    end_old = len(old) - tail
    end_new = len(new) - tail
    yield Match(0, 0, head)
    middle = SequenceMatcher(None, old[head:end_old], new[head:end_new], autojunk=False)
    for block in middle.get_matching_blocks():
        yield Match(head + block.a, head + block.b, block.size)
    yield Match(end_old, end_new, tail)


def _changed(old: list[str], new: list[str], olds: range, news: range) -> Iterator[Line]:
    """Yield changed lines.

    If a block has as many lines as before, each line comes with its new version.
    """
    if len(olds) != len(news):
        for at in olds:
            yield _removed_line(at + 1, old[at])
        for at in news:
            yield _added_line(at + 1, new[at])
        return
    for at_old, at_new in zip(olds, news, strict=True):
        one = _TOKEN.findall(old[at_old])
        other = _TOKEN.findall(new[at_new])
        head, tail = _equal_ends(one, other)
        yield Line("old", at_old + 1, None, tuple(_pieces(one, head, tail)))
        yield Line("new", None, at_new + 1, tuple(_pieces(other, head, tail)))


def _equal_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many items two lists share at their beginnings, and of the rest, at their ends."""
    most = min(len(old), len(new))
    head = 0
    while head < most and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail


def _pieces(tokens: list[str], head: int, tail: int) -> Iterator[LinePiece]:
    end = len(tokens) - tail
    pieces = [
        LinePiece("".join(tokens[:head])),
        LinePiece("".join(tokens[head:end]), changed=True),
        LinePiece("".join(tokens[end:])),
    ]
    for piece in pieces:
        if piece.text:
            yield piece
