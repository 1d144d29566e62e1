"""Reports on the branches of a mail and of a folder."""

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from keyturn.studio.gallery.branches.points import Branch
from keyturn.studio.gallery.samples import Sample

PREFIX = "branch: "
"""The start of the names of found samples. No other names start with it."""


class NeverRendered(Struct, frozen=True, order=True):
    """A branch that nothing renders, with its lines, its name, and the reason."""

    file: str
    line: int
    last_line: int
    name: str
    reason: str

    @property
    def lines(self) -> str:
        """Return "file:line", or "file:line-line" for several."""
        return f"{self.file}:{self.line}" + (f"-{self.last_line}" if self.last_line > self.line else "")


class BranchReport(Struct, frozen=True):
    """The branches of a mail.

    `known`: the branches that count. `by_samples`: those that its own samples render. `rendered`: those and the ones
    that the `samples` of its passes add. `left`: the others, with reasons.
    `undecided`: branches that its templates decide in this mail, as by arguments of a macro. Other mails may render
    them.
    `is_cut_short`: exploring ran out of time; another machine may find more. `is_guessed`: it has no written samples.
    """

    known: frozenset[Branch]
    by_samples: frozenset[Branch]
    rendered: frozenset[Branch]
    samples: tuple[Sample, ...]
    left: tuple[tuple[Branch, NeverRendered], ...]
    undecided: tuple[tuple[Branch, NeverRendered], ...] = ()
    is_cut_short: bool = False
    is_guessed: bool = False

    def without(self, files: Collection[str]) -> "BranchReport":
        def kept(branches: frozenset[Branch]) -> frozenset[Branch]:
            return frozenset(branch for branch in branches if branch.file not in files)

        return replace(
            self,
            known=kept(self.known),
            by_samples=kept(self.by_samples),
            rendered=kept(self.rendered),
            left=tuple(one for one in self.left if one[0].file not in files),
            undecided=tuple(one for one in self.undecided if one[0].file not in files),
        )

    @property
    def never_rendered(self) -> tuple[NeverRendered, ...]:
        return tuple(sorted({one for _, one in self.left}))

    @property
    def coverage(self) -> "Coverage":
        return Coverage(len(self.known), len(self.by_samples), len(self.rendered), self.never_rendered, self.is_guessed)


class Coverage(Struct, frozen=True):
    """The number of branches, and of those that written and all samples render. `is_guessed`: no sample is written."""

    branches: int
    by_samples: int
    rendered: int
    never_rendered: tuple[NeverRendered, ...] = ()
    is_guessed: bool = False

    @property
    def percent(self) -> float:
        """The rendered part, rounded down to a tenth; 100 without branches."""
        return self.rendered * 1000 // self.branches / 10 if self.branches else 100.0


def coverage_of(reports: Iterable[BranchReport]) -> Coverage:
    """Return the coverage of several mails. A shared branch counts once; one that no mail reaches counts, too."""
    reports = tuple(reports)
    rendered = frozenset[Branch]().union(*(one.rendered for one in reports))
    left = {branch: told for one in reports for branch, told in (*one.undecided, *one.left) if branch not in rendered}
    branches = rendered | {*left}
    by_samples = frozenset[Branch]().union(*(one.by_samples for one in reports))
    return Coverage(
        len(branches),
        len(by_samples),
        len(rendered),
        tuple(sorted({*left.values()})),
        all(one.is_guessed for one in reports),
    )


class FolderCoverage(Struct, frozen=True):
    """The coverage of all explored mails, of each mail, and of each folder."""

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
