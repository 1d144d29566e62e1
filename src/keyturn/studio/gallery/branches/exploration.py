"""Explores all branches of a mail: rendered by its samples, by values that are found, or never.

Mails are rendered with Jinja alone, since MJML and HTML have no decisions.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from jinja2 import BytecodeCache, Environment
from msgspec.structs import replace

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages import SOURCE_LANGUAGE, Language, Languages
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.studio.gallery.branches.conditions import Conditions, Read, Visit
from keyturn.studio.gallery.branches.points import Branch, Point, name_of_branch, record_branches, with_recording
from keyturn.studio.gallery.branches.report import PREFIX, BranchReport, NeverRendered
from keyturn.studio.gallery.branches.search import Drawing, Search, Start
from keyturn.studio.gallery.environments import Prepare, with_lenient_filters
from keyturn.studio.gallery.rendering import Renderers
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.variables.guessed_values import guess
from keyturn.studio.gallery.variables.missing_names import missing_name, note_faults
from keyturn.studio.gallery.variables.variables import Variable
from keyturn.studio.renderers.limits import OutOfTime

_OF_LANGUAGES = frozenset({"lang", "dir"})


class MailsToExplore(Protocol):
    """The part of a gallery that exploring needs."""

    @property
    def templates(self) -> Templates: ...
    @property
    def languages(self) -> Languages: ...
    @property
    def props(self) -> Mapping[str, type[EmailProps]]: ...
    @property
    def brands(self) -> Mapping[str, Mapping[str, object]]: ...
    @property
    def go_on(self) -> Prepare | None: ...
    def files(self, name: str) -> MailFiles: ...
    def variables(self, name: str) -> Mapping[str, Variable]: ...
    def renderers(self, prepare: Prepare | None = None) -> Renderers: ...


def explore_mail(
    mails: MailsToExplore, name: str, samples: Mapping[str, Sample], compiled: BytecodeCache | None = None
) -> BranchReport:
    """Explore the branches of a mail. `compiled`: a cache of compiled templates for several mails. Raises OutOfTime."""
    guessed: dict[str, Any] = {}

    def guess_once() -> Mapping[str, Any]:
        if not guessed:
            guessed.update(guess(mails.variables(name), name))
        return guessed

    def drawn(prepare: Prepare, compiled: BytecodeCache | None = None) -> ExploredMail:
        # New renderers, since an imported module runs once in each.
        renderers = mails.renderers(partial(_recording, prepare=prepare, compiled=compiled))

        def draw(sample: Sample, language: Language | None = None, brand: str = "") -> Drawing:
            return _draw(renderers(sample, brand), name, sample, language or mails.languages.choose(SOURCE_LANGUAGE))

        def draw_elsewhere(sample: Sample, reads: Collection[Read]) -> frozenset[Branch]:
            drawings = [draw(sample, language) for language in _languages_of(reads, mails.languages)]
            if {read.name for read in reads} - _OF_LANGUAGES:
                drawings += [draw(sample, brand=brand) for brand in mails.brands]
            return frozenset[Branch]().union(*(drawing.taken for drawing in drawings))

        environment = mails.templates.environment(mails.languages.choose(SOURCE_LANGUAGE))
        return ExploredMail(
            files=tuple(file for file in mails.files(name) if file),
            starts=tuple(Start(sample, draw(sample)) for sample in samples.values()),
            environment=environment if prepare is with_lenient_filters else prepare(environment),
            props=mails.props.get(name),
            draw=draw,
            draw_elsewhere=draw_elsewhere,
            guess=guess_once,
        )

    mail = drawn(with_lenient_filters, compiled)
    if mails.go_on and any(start.drawing.failed for start in mail.starts):
        mail = drawn(mails.go_on)
    return _Exploration(mail).report()


def _languages_of(reads: Collection[Read], languages: Languages) -> list[Language]:
    """Return the languages in which decisions on these globals may differ."""
    names = {read.name for read in reads}
    constants = {constant for read in reads for constant in read.constants if isinstance(constant, str)}
    tags = languages.known.keys() & constants
    return [
        one
        for one in languages.known.values()
        if ("lang" in names and (one.tag in tags or not tags)) or ("dir" in names and one.direction == "rtl")
    ]


def _recording(environment: Environment, prepare: Prepare, compiled: BytecodeCache | None) -> Environment:
    recording = with_recording(prepare(environment))
    recording.bytecode_cache = compiled
    return recording


def _draw(templates: Templates, name: str, sample: Sample, language: Language) -> Drawing:
    with note_faults() as missing, record_branches() as recorder:
        try:
            templates.fill(name, sample.values, language)
            failed = False
        except TemplateInvalid as error:  # the checks report it
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            failed = True
    names = dict.fromkeys(missing_name(one.message) for one in missing)
    return Drawing(recorder.taken, tuple(filter(None, names)), failed)


MOST_SAMPLES = 24
"""The number of samples that are added to a mail. A mail with more branches needs written samples."""

_NO_MAIL = "No mail uses this file."


@dataclass(frozen=True, kw_only=True)
class ExploredMail:
    """A mail to explore.

    `files`: its own files. `starts`: drawings of its samples. `props`: the types of values, if declared.
    `draw` renders a sample and returns its branches. `draw_elsewhere` does so in other languages and brands, for
    decisions on globals, which it reads. `guess` returns plausible values.
    """

    files: tuple[str, ...]
    starts: tuple[Start, ...]
    environment: Environment
    props: type[EmailProps] | None
    draw: Callable[[Sample], Drawing]
    draw_elsewhere: Callable[[Sample, Collection[Read]], frozenset[Branch]]
    guess: Callable[[], Mapping[str, Any]]


def _deciding_globals(conditions: Conditions, points: Iterable[Point], drawn: frozenset[Branch]) -> list[Read]:
    waiting = [point for point in points if not drawn >= {*point.branches}]
    visits = [visit for point in waiting for visit in conditions.visits.get((point.file, point.number), [])]
    return [read for visit in visits for read in visit.reads if read.is_global]


class _Exploration:
    """Looks for the branches that no sample takes, the outer ones first."""

    def __init__(self, mail: ExploredMail) -> None:
        conditions = Conditions(mail.environment, {name for one in mail.starts for name in one.sample.values})
        for file in mail.files:
            conditions.read(file)
        starts = mail.starts
        by_samples = frozenset[Branch]().union(*(start.drawing.taken for start in starts))
        self._mail = mail
        self._visits = conditions.visits
        self._points = {(one.file, one.number): one for those in conditions.points.values() for one in those}
        if starts and (reads := _deciding_globals(conditions, self._points.values(), by_samples)):
            by_samples |= mail.draw_elsewhere(starts[0].sample, reads)
        self._search = Search(conditions, mail.draw, mail.props, mail.guess, list(starts))
        self._by_samples = self._drawn = by_samples
        self._found: dict[str, Sample] = {}
        self._reasons: dict[Branch, str] = {}
        self._settled: set[Branch] = set()

    def report(self) -> BranchReport:
        branches = [branch for point in self._points.values() for branch in point.branches]
        for branch in sorted(branches, key=self._depth):
            if branch not in self._drawn:
                self._look_for(branch)
        for branch in [branch for branch in self._reasons if self._point_of(branch).draws_nothing(branch.outcome)]:
            del self._reasons[branch]  # an empty branch needs no rendering
        known = frozenset(branch for branch in branches if branch in self._drawn or branch in self._reasons)
        not_drawn = [(branch, why) for branch, why in self._reasons.items() if branch not in self._drawn]
        is_guessed = not any(start.sample.is_complete for start in self._mail.starts)
        undecided = [branch for branch in branches if self._is_undecided(branch)]
        return BranchReport(
            known=known,
            by_samples=frozenset() if is_guessed else self._by_samples & known,
            is_guessed=is_guessed,
            rendered=self._drawn & known,
            samples=tuple(self._found.values()),
            not_drawn=tuple((branch, self._never_rendered(branch, why)) for branch, why in not_drawn),
            undecided=tuple((branch, self._never_rendered(branch, _NO_MAIL)) for branch in undecided),
            is_cut_short=self._search.is_over,
        )

    def _depth(self, branch: Branch) -> int:
        return min((len(visit.within) for visit in self._visits_of(branch)), default=0)

    def _visits_of(self, branch: Branch) -> list[Visit]:
        return self._visits.get((branch.file, branch.number), [])

    def _is_undecided(self, branch: Branch) -> bool:
        left = branch not in self._drawn and branch not in self._reasons
        return left and not self._point_of(branch).draws_nothing(branch.outcome)

    def _point_of(self, branch: Branch) -> Point:
        return self._points[branch.file, branch.number]

    def _look_for(self, branch: Branch) -> None:
        visits, own = self._visits_of(branch), branch.file in self._mail.files
        open_ways = [visit for visit in visits if not self._settled & {*visit.within}]
        if not open_ways:
            self._settled.add(branch)
            if own and not visits:
                self._reasons[branch] = "Nothing calls its macro."
            return
        if not any(visit.reads for visit in open_ways) and branch.outcome != "called":
            self._settle(branch, open_ways, own=own)
        elif all(read.is_global for visit in open_ways for read in visit.reads) and branch.outcome != "called":
            names = sorted({read.name for visit in open_ways for read in visit.reads})
            self._reasons[branch] = f"It depends on {' and '.join(names)}, which samples cannot set."
        elif len(self._found) >= MOST_SAMPLES or self._search.is_over:
            self._reasons[branch] = "The search reached the limit for one mail before this branch."
        elif found := self._search.find(branch):
            self._add(branch, found)
        else:
            self._reasons[branch] = self._why_not(open_ways)

    def _settle(self, branch: Branch, ways: Collection[Visit], *, own: bool) -> None:
        """Note that data do not decide the branch, but arguments of a macro, say. It counts in the mail's files."""
        self._settled.add(branch)
        if own and not all(any(outer.outcome == "called" for outer in visit.within) for visit in ways):
            self._reasons[branch] = "It does not depend on the values of the mail."

    def _add(self, branch: Branch, found: Start) -> None:
        name = PREFIX + name_of_branch(self._point_of(branch), branch.outcome)
        names = (name, *(f"{name} ({count})" for count in range(2, MOST_SAMPLES + 2)))
        name = next(one for one in names if one not in self._found)
        self._found[name] = replace(found.sample, name=name, origin="")
        self._drawn |= found.drawing.taken

    def _why_not(self, ways: Collection[Visit]) -> str:
        if self._search.is_over:
            return "The search for values reached the limit for one mail."
        names = sorted({".".join(map(str, read.path)) for visit in ways for read in visit.reads})
        named = " and ".join(names[:3]) or "the values"
        if self._mail.props:
            return f"No value that the type of {named} allows leads here."
        return f"No value of {named} was found that leads here."

    def _never_rendered(self, branch: Branch, why: str) -> NeverRendered:
        point = self._point_of(branch)
        lines = point.lines(branch.outcome)
        return NeverRendered(branch.file, lines.first, lines.last, name_of_branch(point, branch.outcome), why)
