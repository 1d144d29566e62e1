"""The list of templates by folder, with the samples of the open one. The palette finds the rest.

A short list holds everything. Of a long one, a page holds the folder of the chosen template and a row for each other
folder, at most `MOST` rows around the chosen one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from msgspec import Struct

from keyturn.studio.gallery import Entry

MOST = 200
"""Rows of a list on a page. Thousands of rows would be a megabyte of HTML on every page."""

T = TypeVar("T")


class TreeFolder(Struct, frozen=True):
    """A folder. Its name is empty for the templates at the top. `closed`: how many templates a closed one holds."""

    folder: str
    mails: tuple[Entry, ...]
    closed: int = 0


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (_folder(entry), entry.name))


class Tree(Struct, frozen=True):
    """The rows of a page. `left_out`: how many templates and files have no row."""

    folders: Sequence[TreeFolder]
    files: Sequence[str]
    left_out: int


def tree(entries: Iterable[Entry], files: Sequence[str], chosen: str | None) -> Tree:
    entries = in_order(entries)
    is_long = len(entries) + len(files) > MOST
    mails = list(_closed(entries, chosen)) if is_long else [(entry, 0) for entry in entries]
    shown, shown_files = _around(mails, [entry.name for entry, _ in mails], chosen), _around(files, files, chosen)
    folders = [
        TreeFolder(folder, tuple(entry for entry, _ in inside), closed)
        for (folder, closed), inside in groupby(shown, lambda row: (_folder(row[0]), row[1]))
    ]
    return Tree(folders, shown_files, len(mails) + len(files) - len(shown) - len(shown_files))


def _around(rows: Sequence[T], names: Sequence[str], chosen: str | None) -> Sequence[T]:
    at = names.index(chosen) if chosen in names else 0
    start = max(min(at - MOST // 2, len(rows) - MOST), 0)
    return rows[start : start + MOST]


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
