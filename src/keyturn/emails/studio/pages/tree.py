"""The list of templates by folder, with the samples of the open one, and the search in it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from keyturn.emails.gallery import Entry
from keyturn.emails.gallery.branches import report
from keyturn.emails.gallery.samples import hostile


@dataclass(frozen=True, slots=True)
class TreeSample:
    """A sample in the list. `number`: its number within the template."""

    name: str
    number: int
    shown: bool

    @property
    def label(self) -> str:
        return self.name.removeprefix(hostile.PREFIX).removeprefix(report.PREFIX)


@dataclass(frozen=True, slots=True)
class TreeMail:
    """A template in the list. `opens`: its samples are listed, because it is chosen or only they match the search."""

    entry: Entry
    shown: bool
    opens: bool
    twigs: tuple[TreeSample, ...]

    @property
    def label(self) -> str:
        return self.entry.name.rpartition("/")[2]

    @property
    def own(self) -> list[TreeSample]:
        return [twig for twig in self.twigs if twig.name in self.entry.samples]

    @property
    def branches(self) -> list[TreeSample]:
        return [twig for twig in self.twigs if twig.name in self.entry.branches]

    @property
    def hostile(self) -> list[TreeSample]:
        return [twig for twig in self.twigs if twig.name in self.entry.hostile]


@dataclass(frozen=True, slots=True)
class TreeFolder:
    """A folder. Its name is empty for the templates at the top."""

    folder: str
    leaves: tuple[TreeMail, ...]

    @property
    def shown(self) -> bool:
        return any(leaf.shown for leaf in self.leaves)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (_folder(entry), entry.name))


def tree(entries: Iterable[Entry], chosen: str | None, find: str) -> list[TreeFolder]:
    groups = groupby(in_order(entries), _folder)
    return [TreeFolder(folder, tuple(_leaf(entry, chosen, find) for entry in inside)) for folder, inside in groups]


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
