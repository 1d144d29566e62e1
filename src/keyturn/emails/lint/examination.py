"""Every check on every template with every sample, each finding once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Protocol

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.branches.report import FolderCoverage
from keyturn.emails.lint.checks import CHECKS
from keyturn.emails.lint.document import Check
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.jinja.other_engines import one_for_each_engine
from keyturn.emails.lint.jinja.translations import findings_on_texts
from keyturn.emails.lint.suppression.ignore_comments import IgnoreComments
from keyturn.emails.lint.suppression.judgement import judge
from keyturn.emails.lint.suppression.severities import AS_DECLARED, Severities
from keyturn.emails.lint.tally import Tally
from keyturn.emails.lint.template_checks import TemplateChecks, TemplateFindings, texts_by_file
from keyturn.emails.lint.templates_with import TemplatesWith
from keyturn.emails.workers import Limits
from keyturn.languages import Language, Text


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and the mails that have it: "template/sample", with the language where there are several.

    There are none where it was found in the templates without drawing any. `fingerprint` is that of its line
    (`line_fingerprints`). `templates` are those that have it, also what they share. `reason` says why a comment
    ignores it, if one does.
    """

    finding: Finding
    mails: tuple[str, ...]
    fingerprint: str = ""
    templates: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """Holds what was found in all mails.

    `mails` is how many were rendered, `templates` how many templates they came from. Beside what was found, some was
    `ignored` by comments, or is `in_baseline`. `coverage` is None where nobody has looked for branches.
    """

    found: tuple[Found, ...]
    templates: int
    mails: int
    ignored: tuple[Found, ...] = ()
    in_baseline: tuple[Found, ...] = ()
    coverage: FolderCoverage | None = None

    @property
    def tally(self) -> Tally:
        return Tally.of(one.finding for one in self.found)

    def fails(self, at: str) -> bool:
        """Tell whether there is something as severe as `at`, or worse; never for any other word."""
        return self.tally.down_to(at) > 0

    def with_rules(self, rules: Sequence[str]) -> "Examination":
        """Keep the findings whose rule is named, in full or by its group ("mjml")."""
        wanted = set(rules)

        def kept(found: Iterable[Found]) -> tuple[Found, ...]:
            return tuple(one for one in found if {one.finding.rule, one.finding.group} & wanted)

        if not wanted:
            return self
        return replace(self, found=kept(self.found), ignored=kept(self.ignored), in_baseline=kept(self.in_baseline))


class ChecksTemplates(Protocol):
    """Has templates checked, one after the other or at the same time; what it yields is in the order of the names."""

    def __call__(self, checks: TemplateChecks, names: Sequence[str], /) -> Iterable[TemplateFindings]: ...


def check_one_by_one(checks: TemplateChecks, names: Sequence[str], /) -> Iterable[TemplateFindings]:
    return map(checks.check, names)


def examine(
    gallery: Gallery,
    checks: Iterable[Check] = CHECKS,
    languages: Iterable[Language] | None = None,
    *,
    severities: Severities = AS_DECLARED,
    only: Collection[str] | None = None,
    limits: Limits | None = None,
    each: ChecksTemplates = check_one_by_one,
    beside: Mapping[Finding, list[str]] | None = None,
) -> Examination:
    """Check all there is, or `only` these templates, in the order of the places in the templates.

    `beside` is what others have found, each with the mails that have it: it is judged, ignored and ordered with the
    rest.
    """
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    with gallery.one_look():
        names = [name for name in gallery.names() if only is None or name in only]
        of_templates = list(each(TemplateChecks(gallery, checks, languages, limits), names))
        on_texts = _on_texts(gallery, names, of_templates, languages)
        mails = _mails_with(of_templates) | {one: [] for one in on_texts} | dict(beside or {})
        comments = IgnoreComments(gallery.source, gallery.templates.engine_name)
        judged = list(judge(mails, comments, severities))
        of_comments = _of_comments(gallery, names, of_templates, comments, are_all=only is None)
        counting = {one.finding: mails[one.told] for one in judged if not one.reason}
        counting |= {one: [] for one in filter(None, map(severities.apply, of_comments))}
        ignored = {one.finding: mails[one.told] for one in judged if one.reason}
        reasons = {(one.finding.rule, one.finding.place): one.reason for one in judged if one.reason}
        fingerprint = line_fingerprints(gallery.source)
        templates_with = TemplatesWith(names, gallery.files_of, on_texts)

        def ordered(found: Mapping[Finding, list[str]]) -> tuple[Found, ...]:
            by_place = sorted(one_for_each_engine(found).items(), key=lambda one: _place_and_rule(one[0]))
            return tuple(
                Found(
                    one,
                    tuple(those),
                    fingerprint(one.place),
                    templates_with(one, those),
                    reasons.get((one.rule, one.place), "") if found is ignored else "",
                )
                for one, those in by_place
            )

        others = [] if only is None else [name for name in gallery.names() if name not in only]
        of_others = {file for name in others for file in gallery.files_of(name)}  # they may draw what these do not
        reports = {name: one.branches for name, one in zip(names, of_templates, strict=True) if one.branches}
        branches = {name: report.without(of_others) for name, report in reports.items()}
        return Examination(
            ordered(counting),
            len(names),
            sum(findings.drawn for findings in of_templates),
            ignored=ordered(ignored),
            coverage=FolderCoverage.of(branches) if branches else None,
        )


def _mails_with(of_templates: Iterable[TemplateFindings]) -> dict[Finding, list[str]]:
    mails: dict[Finding, list[str]] = defaultdict(list)
    for finding, those in (one for findings in of_templates for one in findings.found):
        mails[finding] += those
    return dict(mails)


def _of_comments(
    gallery: Gallery,
    names: Sequence[str],
    of_templates: Sequence[TemplateFindings],
    comments: IgnoreComments,
    *,
    are_all: bool,
) -> list[Finding]:
    """Return what is wrong with comments; which of them are unused, only where all their mails were looked at."""
    files = {name: gallery.files_of(name) for name in names}
    of_all = dict.fromkeys(chain.from_iterable(files.values()))
    unseen = {file for name, one in zip(names, of_templates, strict=True) if not one.is_whole for file in files[name]}
    seen = [file for file in of_all if file not in unseen] if are_all else ()
    return [*comments.mistakes(of_all), *comments.unused(seen)]


def _on_texts(
    gallery: Gallery, names: Sequence[str], of_templates: Sequence[TemplateFindings], languages: Sequence[Language]
) -> dict[Finding, list[str]]:
    """Return what is wrong with texts and their catalogues, each with the templates that have the text."""
    users: dict[Text, list[str]] = defaultdict(list)
    for name, found in zip(names, of_templates, strict=True):
        for text in dict.fromkeys(text for text, _ in found.texts):
            users[text].append(name)
    everybody = list(dict.fromkeys(name for those in users.values() for name in those))
    found_on = findings_on_texts(gallery, texts_by_file(of_templates), languages)
    return {finding: users.get(text, []) if text else everybody for finding, text in found_on}


def _place_and_rule(finding: Finding) -> tuple[Place, str, str]:
    return finding.place, finding.rule, finding.message


def line_fingerprints(source: Callable[[str], str]) -> Callable[[Place], str]:
    """Return what makes a fingerprint of the line of a place: the same wherever the line moves, however it is indented.

    `source` returns what a file holds, and raises OSError for what is no file: there is no line then.
    """

    @cache
    def lines(file: str) -> list[str]:
        try:
            return source(file).split("\n")
        except OSError:
            return []

    def fingerprint(place: Place) -> str:
        text = "".join(lines(place.file)[place.line - 1 : place.line])
        return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]

    return fingerprint
