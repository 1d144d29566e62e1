"""Passes through a mail: samples with the first one's values, and what forces branches that samples
leave out.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import chain
from pathlib import PurePosixPath
from time import thread_time
from typing import Any, NamedTuple

import msgspec
from jinja2 import BytecodeCache, Environment, TemplateError, nodes
from msgspec.structs import replace

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.language import Language
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery.branches.forcing import (
    Decision,
    Way,
    decisions_in,
    on_way,
    with_forcing,
)
from keyturn.studio.gallery.environments import with_lenient_filters
from keyturn.studio.gallery.samples import Branch, Lines, Sample
from keyturn.studio.gallery.syntax_trees import Prepare, parse_template
from keyturn.studio.gallery.variables.missing_names import note_faults
from keyturn.studio.renderers.limits import OutOfTime

PREFIX = "branch: "  # the start of the names of passes
MOST_PASSES = 8  # the number of samples that are added to a mail
LONGEST = 2.0  # seconds of processor time for all passes of a mail
# Passes in a row that take nothing new, after which the rest is left: each tries another way.
_MOST_IDLE = 2
_EMPTY: tuple[Any, ...] = (None, "", [], (), {})
_CLOSE = 0.75  # a ratio of difflib: "compnay" and "company" have 0.86


class Passes(msgspec.Struct, frozen=True):
    """The passes through a mail.

    `is_cut_short`: exploring ran out of time; another machine may find more.
    """

    samples: tuple[Sample, ...]
    is_cut_short: bool = False


class ExploredMail(msgspec.Struct, frozen=True):
    """A mail whose branches are explored.

    `language`: the one in which it is rendered.
    `texts`: of the files that it uses, by name.
    `environment`: parses them. `go_on`: changes it so that parsing goes on at faults.
    `sample_templates`: returns the templates of a sample, made by environments that are changed
    first.
    `guess`: makes up values for all of its variables.
    """

    name: str
    language: Language
    texts: Mapping[str, str]
    environment: Environment
    go_on: Prepare | None
    sample_templates: Callable[[Prepare], Callable[[Sample], Templates]]
    guess: Callable[[], Mapping[str, Any]]


def explore_mail(
    mail: ExploredMail, samples: Mapping[str, Sample], compiled: BytecodeCache
) -> Passes:
    """Explore the branches of a mail.

    `compiled`: compiled templates that several mails share. Raises OutOfTime.
    """
    names: set[str] = set()
    for sample in samples.values():
        names.update(sample.values)

    def force(environment: Environment) -> Environment:
        return with_forcing(with_lenient_filters(environment), compiled)

    exploration = _Exploration(mail, names, force)
    if not exploration.wanted():
        return Passes(())
    has_failed = not exploration.render_all(samples.values())
    go_on = mail.go_on
    if has_failed and go_on:
        exploration = _Exploration(mail, names, lambda one: with_forcing(go_on(one)))
        exploration.render_all(samples.values())
    first = next(iter(samples.values()))
    return exploration.passes(first)


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """A decision.

    `test`: its expression, without the `not` around it, `is_asked`: whether there was none.
    `names`: those in the test. `lines`, `inside`: of each outcome, its lines and the numbers of the
    decisions inside.
    """

    file: str
    number: int
    is_loop: bool
    test: str
    is_asked: bool
    names: frozenset[str]
    lines: Mapping[bool, Lines | None]
    inside: Mapping[bool, frozenset[int]]

    @property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(Branch(self.file, self.number, holds) for holds in (True, False))


_Points = Mapping[tuple[str, int], _Point]


class _Pass(Way):
    """A way that takes the branches that are `wanted`, and those around them.

    Equal tests get equal answers.
    """

    def __init__(self, points: _Points, wanted: Collection[Branch], tries: Counter[Branch]) -> None:
        super().__init__()
        self._points = points
        self._wanted = wanted
        self._tries = tries
        self._answers: dict[str, bool] = {}

    def choose(self, file: str, number: int) -> bool | None:
        point = self._points.get((file, number))
        if point and (file, number) not in self.forced:
            holds = self._decide(point)
            if holds is not None:
                self.forced[file, number] = holds
                if not point.is_loop:
                    self._answers[point.test] = point.is_asked == holds
        return super().choose(file, number)

    def _decide(self, point: _Point) -> bool | None:
        if not point.is_loop and point.test in self._answers:
            return self._answers[point.test] == point.is_asked
        own = [branch for branch in point.branches if branch in self._wanted]
        if not own:
            return self._lead_on(point)
        if len(own) > 1 and not point.is_loop:
            return None  # the values decide which of them is first
        return own[0].holds

    def _lead_on(self, point: _Point) -> bool | None:
        """Return the outcome, the one tried less, that leads to wanted branches inside of it."""
        numbers = {branch.number for branch in self._wanted if branch.file == point.file}
        ways = [branch for branch in point.branches if numbers & point.inside[branch.holds]]
        if not ways:
            return None
        way = min(ways, key=lambda branch: self._tries[branch])
        self._tries[way] += 1
        return way.holds


class _Exploration:
    """The branches of a mail, and the passes that take those that its samples, which set `names`,
    leave out.
    """

    def __init__(self, mail: ExploredMail, names: Collection[str], prepare: Prepare) -> None:
        self._mail = mail
        self._templates_of = mail.sample_templates(prepare)
        of_brand = mail.environment.globals.keys() - names
        self._points: dict[tuple[str, int], _Point] = {}
        for point in _points(mail):
            # No pass forces a decision of the brand, whose values it does not complete.
            if not point.names or not point.names <= of_brand:
                self._points[point.file, point.number] = point
        self._taken: set[Branch] = set()
        self._ends_at = thread_time() + LONGEST
        self._names: set[str] = set()

    def wanted(self) -> list[Branch]:
        """Return the branches with lines of their own that no rendering has taken."""
        wanted = []
        for point in self._points.values():
            for branch in point.branches:
                if point.lines[branch.holds] and branch not in self._taken:
                    wanted.append(branch)
        return wanted

    def render_all(self, samples: Iterable[Sample]) -> bool:
        """Render all samples. Return whether none failed."""
        failed = [sample for sample in samples if not self._render(sample, Way())]
        return not failed

    def passes(self, first: Sample) -> Passes:
        samples: tuple[Sample, ...] = ()
        if self.wanted():
            samples = tuple(self._passes(first))
        return Passes(samples, is_cut_short=thread_time() >= self._ends_at)

    def _passes(self, first: Sample) -> Iterator[Sample]:
        tries = Counter[Branch]()
        idle = 0
        sample = self._completed(first)
        while idle < _MOST_IDLE and len(self._names) < MOST_PASSES:
            wanted = self.wanted()
            if not wanted or thread_time() >= self._ends_at:
                return
            way = _Pass(self._points, wanted, tries)
            self._render(sample, way)
            adds: list[Lines] = []
            for branch in wanted:
                lines = self._points[branch.file, branch.number].lines[branch.holds]
                if lines and branch in way.taken:
                    adds.append(lines)
            if not adds:
                idle += 1
                continue
            idle = 0
            forced = tuple(Branch(*place, holds) for place, holds in way.forced.items())
            name = _name_among(self._names, adds)
            self._names.add(name)
            yield replace(sample, name=name, file="", forced=forced, adds=tuple(adds))

    def _completed(self, sample: Sample) -> Sample:
        """Return the sample with plausible values in place of empty and missing ones."""
        values = _filled(sample.values, self._mail.guess())
        filled = [name for name, value in values.items() if value != sample.values.get(name)]
        return replace(sample, values=values, filled=tuple(filled))

    def _render(self, sample: Sample, way: Way) -> bool:
        """Render a sample, and note the branches that it takes.

        Return whether there was no error.
        """
        try:
            with note_faults(), on_way(way):
                templates = self._templates_of(sample)
                templates.fill(self._mail.name, sample.values, self._mail.language)
        except TemplateInvalid as error:  # the checks report it
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            return False
        finally:
            self._taken |= way.taken
        return True


def _points(mail: ExploredMail) -> Iterator[_Point]:
    for file, text in mail.texts.items():
        with suppress(TemplateError):  # the checks report it
            tree = parse_template(mail.environment, text, file, mail.go_on)
            yield from _points_in(tree, file)


class _Parts(NamedTuple):
    """The parts of a decision.

    `body`: what is taken if the test holds. If it does not, each `elif` of `questions` is asked,
    and `otherwise` is taken after the last.
    """

    test: nodes.Node
    body: Sequence[nodes.Node]
    questions: Sequence[nodes.If]
    otherwise: Sequence[nodes.Node]


def _parts_by_id(decisions: Iterable[Decision]) -> Mapping[int, _Parts]:
    """Return the parts of each decision by the id of its node."""
    parts: dict[int, _Parts] = {}
    for node in decisions:
        match node:
            case nodes.For():
                parts[id(node)] = _Parts(node.iter, node.body, (), node.else_)
            case nodes.CondExpr():
                otherwise = [node.expr2] if node.expr2 else []
                parts[id(node)] = _Parts(node.test, [node.expr1], (), otherwise)
            case nodes.If() if id(node) not in parts:  # an `elif` came with its `if`
                questions = [node, *node.elif_]
                for nth, one in enumerate(questions, 1):
                    parts[id(one)] = _Parts(one.test, one.body, questions[nth:], node.else_)
    return parts


def _points_in(tree: nodes.Template, file: str) -> Iterator[_Point]:
    """Yield the decisions of a file, without those in macros: the arguments of a call decide
    them.
    """
    decisions = decisions_in(tree)
    numbers = {id(decision): number for number, decision in enumerate(decisions)}
    of_macros = set(map(id, decisions_in(*tree.find_all(nodes.Macro))))
    parts_by_id = _parts_by_id(decisions)

    @cache
    def numbers_in(node: nodes.Node) -> list[int]:
        return [numbers[id(one)] for one in (node, *decisions_in(node)) if id(one) in numbers]

    def inside(body: Iterable[nodes.Node]) -> frozenset[int]:
        return frozenset(chain.from_iterable(map(numbers_in, body)))

    for number, node in enumerate(decisions):
        if id(node) in of_macros:
            continue
        parts = parts_by_id[id(node)]
        asked = parts.test
        is_asked = True
        while isinstance(asked, nodes.Not):
            asked = asked.node
            is_asked = not is_asked
        # `else` belongs to the last question.
        lines_of_else = None if parts.questions else _lines(file, parts.otherwise)
        yield _Point(
            file=file,
            number=number,
            is_loop=isinstance(node, nodes.For),
            test=repr(asked),
            is_asked=is_asked,
            names=_names_in(asked),
            lines={True: _lines(file, parts.body), False: lines_of_else},
            inside={
                True: inside(parts.body),
                False: inside([*parts.questions, *parts.otherwise]),
            },
        )


def _names_in(test: nodes.Node) -> frozenset[str]:
    names = {name.name for name in test.find_all(nodes.Name)}
    if isinstance(test, nodes.Name):
        names.add(test.name)
    return frozenset(names)


def _lines(file: str, body: Iterable[nodes.Node]) -> Lines | None:
    """Return the lines of nodes with a text or a tag; None if there are none."""
    inside: list[nodes.Node] = []
    for node in body:
        inside.append(node)
        inside += node.find_all(nodes.Node)
    lines: set[int] = set()
    for node in inside:
        if isinstance(node, nodes.TemplateData):
            for number, text in enumerate(node.data.split("\n"), int(node.lineno)):
                if text.strip():
                    lines.add(number)
        # An extension's own nodes may stand nowhere.
        elif node.lineno and not isinstance(node, nodes.Output):
            lines.add(int(node.lineno))
    if not lines:
        return None
    return Lines(file, min(lines), max(lines))


def _name_among(names: Collection[str], adds: Sequence[Lines]) -> str:
    """Return a name for a pass: where it adds lines, as "branch: welcome.mjml:28 and 2 more"."""
    first = f"{PREFIX}{PurePosixPath(adds[0].file).name}:{adds[0].first}"
    if len(adds) > 1:
        first = f"{first} and {len(adds) - 1} more"
    name = first
    nth = 1
    while name in names:
        nth += 1
        name = f"{first} ({nth})"
    return name


def _filled(value: Any, plausible: Any) -> Any:
    """Return plausible values for empty ones and for missing names, unless a name is close to
    another: misspelt.
    """
    match value, plausible:
        case Mapping(), Mapping() if value:
            filled = {name: _filled(member, plausible.get(name)) for name, member in value.items()}
            for name, member in plausible.items():
                if name not in value and not get_close_matches(name, value, 1, _CLOSE):
                    filled[name] = member
            return filled
        case list(), [first, *_] if value:
            return [_filled(entry, first) for entry in value]
    if plausible is None or value not in _EMPTY:
        return value
    return plausible
