"""The list of templates by folder: at most `MOST` rows; the palette finds the others."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

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


class _Row(NamedTuple):
    """A template in its folder, or the first template of a closed folder that holds `closed`."""

    folder: str
    entry: Entry
    closed: int

    @property
    def group(self) -> tuple[str, int]:
        return self.folder, self.closed


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=_folder_and_name)


def tree(entries: Iterable[Entry], files: Sequence[str], chosen: str | None) -> Tree:
    """Return the rows around the `chosen` template or file.

    Of a long list, only the folder of the chosen template and the top are open.
    """
    ordered = in_order(entries)
    is_long = len(ordered) + len(files) > MOST
    open_folders = ("", _folder_of(chosen or ""))
    rows: list[_Row] = []
    for folder, within in groupby(ordered, _folder_of_entry):
        mails = list(within)
        if is_long and folder not in open_folders:
            rows.append(_Row(folder, mails[0], len(mails)))
        else:
            rows += [_Row(folder, mail, 0) for mail in mails]
    shown = _around(rows, [row.entry.name for row in rows], chosen)
    shown_files = _around(files, files, chosen)
    left_out = len(rows) + len(files) - len(shown) - len(shown_files)
    return Tree(list(_folders(shown)), shown_files, left_out)


def _folder_and_name(entry: Entry) -> tuple[str, str]:
    return _folder_of(entry.name), entry.name


def _folder_of_entry(entry: Entry) -> str:
    return _folder_of(entry.name)


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def _around(rows: Sequence[T], names: Sequence[str], chosen: str | None) -> Sequence[T]:
    """Return at most `MOST` rows, with that of the chosen name in the middle where it can be."""
    at = names.index(chosen) if chosen in names else 0
    last_start = len(rows) - MOST
    start = max(min(at - MOST // 2, last_start), 0)
    return rows[start : start + MOST]


def _folders(rows: Iterable[_Row]) -> Iterator[TreeFolder]:
    for (folder, closed), within in groupby(rows, lambda row: row.group):
        yield TreeFolder(folder, tuple(row.entry for row in within), closed)
