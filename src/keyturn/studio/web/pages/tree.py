"""The list of templates by folder: at most `MOST` rows; the palette finds the others."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from msgspec import Struct

from keyturn.studio.gallery import Entry

MOST = 200  # rows of a list. Thousands of rows would be a megabyte of HTML on every page.

T = TypeVar("T")


class TreeFolder(Struct, frozen=True):
    """A folder.

    Its name is empty for the templates at the top. `closed`: how many templates a closed one holds.
    """

    folder: str
    mails: tuple[Entry, ...]
    closed: int = 0


class Tree(Struct, frozen=True):
    """The rows of a page. `left_out`: how many templates and files have no row."""

    folders: Sequence[TreeFolder]
    files: Sequence[str]
    left_out: int


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (_folder_of(entry.name), entry.name))


def tree(entries: Iterable[Entry], files: Sequence[str], chosen: str | None) -> Tree:
    entries, rows = in_order(entries), list[tuple[str, Entry, int]]()
    open_folders = ("", _folder_of(chosen or "")) if len(entries) + len(files) > MOST else None
    for folder, within in groupby(entries, lambda entry: _folder_of(entry.name)):
        mails = list(within)
        is_open = open_folders is None or folder in open_folders
        rows += (
            [(folder, each, 0) for each in mails] if is_open else [(folder, mails[0], len(mails))]
        )
    shown, shown_files = (
        _around(rows, [entry.name for _, entry, _ in rows], chosen),
        _around(files, files, chosen),
    )
    folders = [
        TreeFolder(folder, tuple(entry for _, entry, _ in these), closed)
        for (folder, closed), these in groupby(shown, itemgetter(0, 2))
    ]
    return Tree(folders, shown_files, len(rows) + len(files) - len(shown) - len(shown_files))


def _around(rows: Sequence[T], names: Sequence[str], chosen: str | None) -> Sequence[T]:
    at = names.index(chosen) if chosen in names else 0
    start = max(min(at - MOST // 2, len(rows) - MOST), 0)
    return rows[start : start + MOST]


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]
