"""The differences between two texts: line by line, and word by word within lines that changed a little."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Literal, NamedTuple

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_AROUND = 3
_FOLDED_FROM = 4
"""Unchanged lines are kept around a change. Between two changes, this many or more unchanged lines are folded."""

_ALIKE = 0.5
_MOST = 400
"""`_ALIKE`: the ratio from which a line counts as changed, not replaced (`SequenceMatcher.ratio`). `_MOST`: tokens of a
line, and lines of a block, that are compared: the time grows with the square."""


class LinePiece(NamedTuple):
    text: str
    changed: bool = False


class Line(NamedTuple):
    """A line of two texts. `old`, `new`: its numbers, from 1; None in a text without the line."""

    kind: Literal["same", "old", "new"]
    old: int | None
    new: int | None
    pieces: tuple[LinePiece, ...]


class Run(NamedTuple):
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
        """Return the changed texts: mails with the same edits were changed in the same way."""
        return frozenset(
            (line.kind, piece.text.strip())
            for line in self.lines
            if line.kind != "same"
            for piece in line.pieces
            if piece.changed or len(line.pieces) == 1
        )

    def runs(self) -> list[Run]:
        """Return the lines in runs. Runs far from a change are folded."""
        near = {
            at + step
            for at, line in enumerate(self.lines)
            if line.kind != "same"
            for step in range(-_AROUND, _AROUND + 1)
        }
        runs: list[Run] = []
        start = 0
        for at in range(1, len(self.lines) + 1):
            if at == len(self.lines) or (at in near) != (start in near):
                runs.append(Run(self.lines[start:at], start not in near))
                start = at
        return [run._replace(folded=run.folded and len(run.lines) >= _FOLDED_FROM) for run in runs]


def difference(before: str, after: str) -> Difference:
    return Difference(tuple(_lines(_split(before), _split(after))))


def _split(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    for tag, old_from, old_to, new_from, new_to in _opcodes(old, new):
        if tag == "equal":
            for step, text in enumerate(old[old_from:old_to]):
                yield Line("same", old_from + step + 1, new_from + step + 1, (LinePiece(text),))
            continue
        yield from _block(old, new, range(old_from, old_to), range(new_from, new_to))


def _block(old: list[str], new: list[str], olds: range, news: range) -> Iterator[Line]:
    """Yield changed lines. A line that changed a little comes with its new version."""
    at_old, at_new = olds.start, news.start
    ends = (olds.stop, news.stop, (LinePiece(""),), (LinePiece(""),))
    for to_old, to_new, removed, added in (*_pairs(old, new, olds, news), ends):
        yield from (Line("old", at + 1, None, (LinePiece(old[at]),)) for at in range(at_old, to_old))
        yield from (Line("new", None, at + 1, (LinePiece(new[at]),)) for at in range(at_new, to_new))
        if to_old < olds.stop:
            yield Line("old", to_old + 1, None, removed)
            yield Line("new", None, to_new + 1, added)
        at_old, at_new = to_old + 1, to_new + 1


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Do what SequenceMatcher's opcodes do, without searching the common beginning and end: mails are long."""
    most = min(len(old), len(new))
    head = next((at for at in range(most) if old[at] != new[at]), most)
    tail = next((at for at in range(most - head) if old[-1 - at] != new[-1 - at]), most - head)
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    if head:
        yield "equal", 0, head, 0, head
    for tag, old_from, old_to, new_from, new_to in middle.get_opcodes():
        yield tag, old_from + head, old_to + head, new_from + head, new_to + head
    if tail:
        yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


def _pairs(
    old: list[str], new: list[str], olds: range, news: range
) -> Iterator[tuple[int, int, tuple[LinePiece, ...], tuple[LinePiece, ...]]]:
    """Yield the old and new number of each changed line, and both in pieces."""
    as_many = len(olds) == len(news)
    if not as_many and len(olds) * len(news) > _MOST:
        return
    start = news.start
    for at_old in olds:
        counterpart = at_old - olds.start + news.start
        for at_new in range(counterpart, counterpart + 1) if as_many else range(start, news.stop):
            if _is_alike(old[at_old], new[at_new]):
                yield at_old, at_new, *_words(old[at_old], new[at_new])
                start = at_new + 1
                break


def _is_alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, _TOKEN.findall(one)[:_MOST], _TOKEN.findall(other)[:_MOST], autojunk=False)
    return matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


def _words(one: str, other: str) -> tuple[tuple[LinePiece, ...], tuple[LinePiece, ...]]:
    old, new = _TOKEN.findall(one), _TOKEN.findall(other)
    removed: list[LinePiece] = []
    added: list[LinePiece] = []
    for tag, old_from, old_to, new_from, new_to in _opcodes(old, new):
        removed.append(LinePiece("".join(old[old_from:old_to]), tag != "equal"))
        added.append(LinePiece("".join(new[new_from:new_to]), tag != "equal"))
    return _join_pieces(removed), _join_pieces(added)


def _join_pieces(pieces: list[LinePiece]) -> tuple[LinePiece, ...]:
    """Join changes on both sides of a blank or a mark: one change is easier to read than five."""
    joined: list[LinePiece] = []
    for at, piece in enumerate(pieces):
        between = 0 < at < len(pieces) - 1 and pieces[at - 1].changed and pieces[at + 1].changed
        changed = piece.changed or (between and len(piece.text) == 1)
        if not piece.text:
            continue
        if joined and joined[-1].changed == changed:
            joined[-1] = LinePiece(joined[-1].text + piece.text, changed)
        else:
            joined.append(LinePiece(piece.text, changed))
    return tuple(joined) or (LinePiece(""),)
