"""What is known of the branches of a mail, and of those of a folder."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from keyturn.emails.gallery.branches.points import Branch
from keyturn.emails.gallery.samples.sample import Sample

PREFIX = "branch: "
"""What the names of samples begin with whose values were found, and of no other."""


@dataclass(frozen=True, slots=True, order=True)
class NeverDrawn:
    """A branch that nothing draws, the lines that it would, what it is called, and why there are no values for it."""

    file: str
    line: int
    last_line: int
    name: str
    reason: str

    @property
    def lines(self) -> str:
        """Return "file:line", or "file:line-line" for several."""
        return f"{self.file}:{self.line}" + (f"-{self.last_line}" if self.last_line > self.line else "")


@dataclass(frozen=True, slots=True)
class BranchReport:
    """The branches of one mail.

    `known` are those that count; `by_samples` of them are drawn by its own samples, `drawn` also by `samples`, whose
    values were found. `not_drawn` are the others, each with its reason. `undecided` are those of its files that its own
    templates decide in this mail, as the arguments of a macro do: in another mail they may be drawn. `is_cut_short`:
    the time was over before all was looked for, and on another machine more may be found. `is_guessed`: nobody has
    written samples of it.
    """

    known: frozenset[Branch]
    by_samples: frozenset[Branch]
    drawn: frozenset[Branch]
    samples: tuple[Sample, ...]
    not_drawn: tuple[tuple[Branch, NeverDrawn], ...]
    undecided: tuple[tuple[Branch, NeverDrawn], ...] = ()
    is_cut_short: bool = False
    is_guessed: bool = False

    def without(self, files: Collection[str]) -> "BranchReport":
        """Return what is known of the branches in all other files."""

        def kept(branches: frozenset[Branch]) -> frozenset[Branch]:
            return frozenset(branch for branch in branches if branch.file not in files)

        return replace(
            self,
            known=kept(self.known),
            by_samples=kept(self.by_samples),
            drawn=kept(self.drawn),
            not_drawn=tuple(one for one in self.not_drawn if one[0].file not in files),
            undecided=tuple(one for one in self.undecided if one[0].file not in files),
        )

    @property
    def never_drawn(self) -> tuple[NeverDrawn, ...]:
        return tuple(sorted({one for _, one in self.not_drawn}))

    @property
    def coverage(self) -> "Coverage":
        return Coverage(len(self.known), len(self.by_samples), len(self.drawn), self.never_drawn, self.is_guessed)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many branches there are, and are drawn: by samples that somebody wrote, and by all.

    `is_guessed`: there are no such samples.
    """

    branches: int
    by_samples: int
    drawn: int
    never_drawn: tuple[NeverDrawn, ...] = ()
    is_guessed: bool = False

    @property
    def percent(self) -> float:
        """Return the part that is drawn, rounded down; all of nothing is all."""
        return self.drawn * 1000 // self.branches / 10 if self.branches else 100.0


def coverage_of(reports: Iterable[BranchReport]) -> Coverage:
    """Return the coverage of several mails together: a branch that they share counts once.

    What no mail comes to counts, too, as a macro that is called in one way alone.
    """
    reports = tuple(reports)
    drawn = frozenset[Branch]().union(*(one.drawn for one in reports))
    left = {branch: told for one in reports for branch, told in (*one.undecided, *one.not_drawn) if branch not in drawn}
    branches = drawn | {*left}
    by_samples = frozenset[Branch]().union(*(one.by_samples for one in reports))
    return Coverage(
        len(branches),
        len(by_samples),
        len(drawn),
        tuple(sorted({*left.values()})),
        all(one.is_guessed for one in reports),
    )


@dataclass(frozen=True, slots=True)
class FolderCoverage:
    """The coverage of all mails that were looked at, of each, and of each folder of them, by name."""

    total: Coverage
    mails: Mapping[str, Coverage]
    folders: Mapping[str, Coverage]

    @classmethod
    def of(cls, reports: Mapping[str, BranchReport]) -> "FolderCoverage":
        by_folder: dict[str, list[BranchReport]] = {}
        for name, report in sorted(reports.items()):
            by_folder.setdefault(name.rpartition("/")[0], []).append(report)
        return cls(
            total=coverage_of(reports.values()),
            mails={name: report.coverage for name, report in reports.items()},
            folders={folder: coverage_of(those) for folder, those in by_folder.items()},
        )
