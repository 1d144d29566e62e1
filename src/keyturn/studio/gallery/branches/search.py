"""Finds values for the branches that no sample takes, by trying candidates until a rendering takes the branch.

Names that only such a branch prints, and that samples lack, are filled with plausible values.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product, zip_longest
from time import thread_time
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.branches.candidates import (
    ABSENT,
    Known,
    Refused,
    candidates,
    changeable,
    fit,
    shapes_at,
    value_at,
    with_value,
)
from keyturn.studio.gallery.branches.conditions import Conditions, Path, Read
from keyturn.studio.gallery.branches.points import Branch
from keyturn.studio.gallery.samples import Sample

LONGEST = 2.0
"""Seconds of processor time for all branches of a mail."""

MOST_DRAWINGS = 400
"""For all branches of a mail; for one of them, `_MOST_TRIES`."""

_MOST_TRIES = 40
_MOST_WAYS = 4
_MOST_TOGETHER = 4
_DEEPEST = 12


class Drawing(Struct, frozen=True):
    """The branches that a rendering takes. `missing`: names that its sample lacks. `failed`: it raised an error."""

    taken: frozenset[Branch]
    missing: tuple[str, ...] = ()
    failed: bool = False

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.failed)


class Start(Struct, frozen=True):
    sample: Sample
    drawing: Drawing


class Search(Struct):
    """Looks for values. `draw` renders a sample, `props` are the types of values, `guess` returns plausible ones."""

    conditions: Conditions
    draw: Callable[[Sample], Drawing]
    props: type[EmailProps] | None
    guess: Callable[[], Mapping[str, Any]]
    starts: list[Start] = field(default_factory=list)
    _drawings: int = 0
    _ends_at: float = field(default_factory=lambda: thread_time() + LONGEST)
    _tries: int = 0

    @property
    def is_over(self) -> bool:
        return self._drawings >= MOST_DRAWINGS or thread_time() >= self._ends_at

    def find(self, branch: Branch) -> Start | None:
        """Return values that take a branch, and keep them as a start for other branches."""
        self._tries = 0
        visits = self.conditions.visits.get((branch.file, branch.number), [])
        ways = [((*visit.within, branch), start) for visit in visits for start in self.starts]
        ways.sort(key=lambda way: len(_not_taken(way[0], way[1].drawing)))
        second_best: Start | None = None
        for way, start in ways[:_MOST_WAYS]:
            found = self._go(way, start)
            if found and found.drawing.is_clean:
                self.starts.append(found)
                return found
            second_best = second_best or found
        if second_best:
            self.starts.append(second_best)
        return second_best

    def _go(self, way: tuple[Branch, ...], start: Start) -> Start | None:
        for _ in range(_DEEPEST):
            missing = _not_taken(way, start.drawing)
            if not missing:
                return start
            further = self._take(missing[0], way, start)
            if further is None:
                return None
            start = further
        return None

    def _take(self, branch: Branch, way: tuple[Branch, ...], start: Start) -> Start | None:
        """Return the first change that takes this branch, preferably one whose rendering lacks no names."""
        second_best: Start | None = None
        for values in self._changed(branch, way, start.sample.values):
            if self._tries >= _MOST_TRIES or self.is_over:
                break
            tried = self._try(replace(start.sample, values=values))
            if not (branch in tried.drawing.taken if branch == way[-1] else _is_passed(branch, tried.drawing)):
                continue
            if tried.drawing.is_clean or not start.drawing.is_clean:
                return tried
            second_best = second_best or tried
        return second_best

    def _try(self, sample: Sample) -> Start:
        """Render the values. Names that the sample lacks are filled with plausible values."""
        drawing = self._draw(sample)
        if drawing.missing and sample.kind == "plain":
            filled = fill_missing(sample.values, self.guess(), drawing.missing)
            if filled != sample.values:
                sample = replace(sample, values=filled)
                drawing = self._draw(sample)
        return Start(sample, drawing)

    def _draw(self, sample: Sample) -> Drawing:
        self._drawings += 1
        self._tries += 1
        return self.draw(sample)

    def _changed(
        self, branch: Branch, way: tuple[Branch, ...], values: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the values with one part changed, then with two."""
        found: dict[Path, list[Any]] = {}
        for read in self._reads_of(branch, way):
            path = changeable(values, read.path)
            found.setdefault(path, candidates(self._known(path, read, values), branch.outcome))
        singly = ([(path, value) for value in those] for path, those in found.items())
        changes: list[Sequence[tuple[Path, Any]]] = [
            [one] for turn in zip_longest(*singly) for one in turn if one is not None
        ]
        paths = list(found)
        for nth, path in enumerate(paths):
            for other in paths[nth + 1 :]:
                pairs = product(found[path][:_MOST_TOGETHER], found[other][:_MOST_TOGETHER])
                changes += [[(path, one), (other, two)] for one, two in pairs]
        for change in changes:
            try:
                changed: Any = values
                for path, value in change:
                    changed = with_value(changed, path, value)
                yield fit(changed, self.props)
            except Refused:
                continue

    def _reads_of(self, branch: Branch, way: tuple[Branch, ...]) -> list[Read]:
        """Return the reads that decide a branch on this way, or else on any way."""
        visits = self.conditions.visits.get((branch.file, branch.number), [])
        on_the_way = [visit for visit in visits if visit.within == way[: len(visit.within)]]
        found = {read.path: read for visit in on_the_way or visits for read in visit.reads if not read.is_global}
        return sorted(found.values(), key=lambda read: not read.exact)

    def _known(self, path: Path, read: Read, values: Mapping[str, Any]) -> Known:
        shapes = shapes_at(self.props, path) if self.props else ()
        guessed = ABSENT if self.props else value_at(self.guess(), path)
        constants = (*read.constants, *self._constants_beside(read))
        return Known(value_at(values, path), guessed, shapes, constants)

    def _constants_beside(self, read: Read) -> Iterable[Any]:
        those = (other for visits in self.conditions.visits.values() for visit in visits for other in visit.reads)
        return (one for other in those if other.path == read.path for one in other.constants)


def _not_taken(way: tuple[Branch, ...], drawing: Drawing) -> list[Branch]:
    *around, last = way
    return [*(branch for branch in around if not _is_passed(branch, drawing)), *({last} - drawing.taken)]


def _is_passed(branch: Branch, drawing: Drawing) -> bool:
    """Tell whether a rendering reaches the inside of a branch. For a loop, one turn is enough."""
    return branch in drawing.taken or (branch.outcome == "several" and branch._replace(outcome="one") in drawing.taken)


_CLOSE = 0.75
"""A ratio of difflib: "compnay" and "company" have 0.86."""


def fill_missing(values: Mapping[str, Any], guessed: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """Return the values with guessed ones for missing `names`, except a misspelt one, which is close to another."""
    filled = {name: _filled(value, guessed.get(name), names) for name, value in values.items()}
    missing = (name for name in guessed if name in names and name not in values)
    return filled | {name: guessed[name] for name in missing if not get_close_matches(name, values, 1, _CLOSE)}


def _filled(value: Any, guessed: Any, names: Collection[str]) -> Any:
    match value, guessed:
        case dict(), dict():
            return fill_missing(value, guessed, names)
        case list(), list() if guessed:
            return [_filled(one, guessed[0], names) for one in value]
    return value
