"""The list on the left: templates by folder, the open one with its samples, and what a search leaves of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from keyturn.emails.gallery import Entry
from keyturn.emails.gallery.branches import report
from keyturn.emails.gallery.samples import hostile
from keyturn.emails.studio.pages.matching import matches


@dataclass(frozen=True, slots=True)
class Twig:
    """A sample in the list. `number` counts within the template."""

    name: str
    number: int
    shown: bool

    @property
    def label(self) -> str:
        return self.name.removeprefix(hostile.PREFIX).removeprefix(report.PREFIX)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A template in the list. `opens`: its samples stand under it, because it is chosen or they alone were found."""

    entry: Entry
    shown: bool
    opens: bool
    twigs: tuple[Twig, ...]

    @property
    def label(self) -> str:
        return self.entry.name.rpartition("/")[2]

    @property
    def own(self) -> list[Twig]:
        return [twig for twig in self.twigs if twig.name in self.entry.samples]

    @property
    def branches(self) -> list[Twig]:
        return [twig for twig in self.twigs if twig.name in self.entry.branches]

    @property
    def hostile(self) -> list[Twig]:
        return [twig for twig in self.twigs if twig.name in self.entry.hostile]


@dataclass(frozen=True, slots=True)
class Branch:
    """A folder; its name is empty for the templates that stand at the top."""

    folder: str
    leaves: tuple[Leaf, ...]

    @property
    def shown(self) -> bool:
        return any(leaf.shown for leaf in self.leaves)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return the templates as the list has them: those at the top, then folder by folder."""
    return sorted(entries, key=lambda entry: (_folder(entry), entry.name))


def tree(entries: Iterable[Entry], chosen: str | None, find: str) -> list[Branch]:
    groups = groupby(in_order(entries), _folder)
    return [Branch(folder, tuple(_leaf(entry, chosen, find) for entry in inside)) for folder, inside in groups]


def _folder(entry: Entry) -> str:
    return entry.name.rpartition("/")[0]


def _leaf(entry: Entry, chosen: str | None, find: str) -> Leaf:
    found = matches(find, entry.name)
    twigs = tuple(_find_twigs(entry, find, found=found))
    by_sample = not found and any(twig.shown for twig in twigs)
    return Leaf(entry, shown=found or by_sample, opens=entry.name == chosen or by_sample, twigs=twigs)


def _find_twigs(entry: Entry, find: str, *, found: bool) -> Iterator[Twig]:
    """Show the samples of a template that was found; else those that the search finds together with its name."""
    for number, name in enumerate((*entry.samples, *entry.branches, *entry.hostile), 1):
        yield Twig(name, number, shown=found or matches(find, f"{entry.name} {name}"))
