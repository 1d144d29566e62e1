"""The list of templates by folder, with the samples of the open one, and the search in it.

A short list holds everything, and the browser searches it. Of a long one, a page holds the folder of the chosen
template and a row for each other folder, or what a search finds, at most `MOST` rows around the chosen one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Generic, TypeVar

from msgspec import Struct

from keyturn.studio.gallery import Entry
from keyturn.studio.gallery.branches import report
from keyturn.studio.gallery.samples import hostile

MOST = 200
"""Rows of a list on a page. Thousands of rows would be a megabyte of HTML on every page."""

T = TypeVar("T")


class Window(Struct, Generic[T], frozen=True):
    """The rows of a list around one of them. `before`, `after`: the rows next to it, where it leaves some out."""

    rows: Sequence[T]
    left_before: int = 0
    left_after: int = 0
    before: T | None = None
    after: T | None = None


def window(rows: Sequence[T], at: int) -> Window[T]:
    start = max(min(at - MOST // 2, len(rows) - MOST), 0)
    end = min(start + MOST, len(rows))
    before, after = rows[start - 1] if start else None, rows[end] if end < len(rows) else None
    return Window(rows[start:end], start, len(rows) - end, before, after)


class TreeSample(Struct, frozen=True):
    """A sample in the list. `number`: its number within the template."""

    name: str
    number: int
    shown: bool

    @property
    def label(self) -> str:
        return self.name.removeprefix(hostile.PREFIX).removeprefix(report.PREFIX)


class TreeMail(Struct, frozen=True):
    """A template in the list. `opens`: its samples are listed, because it is chosen or only they match the search."""

    entry: Entry
    shown: bool
    opens: bool
    twigs: tuple[TreeSample, ...]

    @property
    def label(self) -> str:
        return self.entry.name.rpartition("/")[2]

    def among(self, names: Sequence[str]) -> list[TreeSample]:
        return [twig for twig in self.twigs if twig.name in names]


class TreeFolder(Struct, frozen=True):
    """A folder. Its name is empty for the templates at the top. `closed`: how many templates a closed one holds."""

    folder: str
    leaves: tuple[TreeMail, ...]
    closed: int = 0

    @property
    def shown(self) -> bool:
        return any(leaf.shown for leaf in self.leaves)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (_folder(entry), entry.name))


class Tree(Struct, frozen=True):
    """The rows of a page. A row of `mails` has the number of templates that its folder holds, if it is closed.

    `files`: the shared files, each with whether the search finds it. `asks`: the list is long: the server searches it.
    """

    folders: Sequence[TreeFolder]
    mails: Window[tuple[Entry, int]]
    files: Window[tuple[str, bool]]
    asks: bool

    @property
    def shown(self) -> bool:
        return any(folder.shown for folder in self.folders)


def tree(entries: Iterable[Entry], files: Sequence[str], chosen: str | None, find: str) -> Tree:
    entries = in_order(entries)
    asks = len(entries) + len(files) > MOST
    mails = [(entry, 0) for entry in entries]
    if asks and find:
        mails = [row for row in mails if _leaf(row[0], chosen, find).shown]
    elif asks:
        mails = list(_closed(entries, chosen))
    shared = [(file, shown) for file in files if (shown := matches(find, file)) or not asks]
    cut = window(mails, next((at for at, (entry, _) in enumerate(mails) if entry.name == chosen), 0))
    folders = [
        TreeFolder(folder, tuple(_leaf(entry, chosen, find) for entry, _ in inside), closed)
        for (folder, closed), inside in groupby(cut.rows, lambda row: (_folder(row[0]), row[1]))
    ]
    return Tree(folders, cut, window(shared, next((at for at, row in enumerate(shared) if row[0] == chosen), 0)), asks)


def _closed(entries: Iterable[Entry], chosen: str | None) -> Iterator[tuple[Entry, int]]:
    """Yield the templates at the top and in the folder of the chosen one, and the first of each other folder."""
    for folder, inside in groupby(entries, _folder):
        first, *others = inside
        if folder in ("", (chosen or "").rpartition("/")[0]):
            yield from ((entry, 0) for entry in (first, *others))
        else:
            yield first, 1 + len(others)


def _folder(entry: Entry) -> str:
    return entry.name.rpartition("/")[0]


def _leaf(entry: Entry, chosen: str | None, find: str) -> TreeMail:
    matched = matches(find, entry.name)
    twigs = tuple(_find_samples(entry, find, matched=matched))
    by_sample = not matched and any(twig.shown for twig in twigs)
    return TreeMail(entry, shown=matched or by_sample, opens=entry.name == chosen or by_sample, twigs=twigs)


def _find_samples(entry: Entry, find: str, *, matched: bool) -> Iterator[TreeSample]:
    """Yield the samples of a matching template; else those that match together with its name."""
    for number, name in enumerate((*entry.samples, *entry.branches, *entry.hostile), 1):
        yield TreeSample(name, number, shown=matched or matches(find, f"{entry.name} {name}"))


_STRETCH = 5
_PART = re.compile(r"(?<![^\W_])[^\W_]")


def matches(find: str, name: str) -> bool:
    """Whether every word of the search is in the name, as it is or with letters left out.

    With letters left out, the first letter must begin a part of the name, and the last must not be far: "ordsh" finds
    "orders/shipped", "rsh" does not. preview/static/matching.js agrees.
    """
    if not find:
        return True
    name = name.lower()
    starts = [part.start() for part in _PART.finditer(name)]
    return all(
        word in name
        or any(_holds_in_order(word, name[at : at + _STRETCH * len(word)]) for at in starts if name[at] == word[0])
        for word in find.lower().split()
    )


def _holds_in_order(word: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in word)
