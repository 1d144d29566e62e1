"""Every check on every template with every sample, each finding once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.branches.report import FolderCoverage
from keyturn.emails.lint.checks import CHECKS
from keyturn.emails.lint.document import Check
from keyturn.emails.lint.finding import Finding, Place, worst_down_to
from keyturn.emails.lint.jinja.other_engines import one_for_each_engine
from keyturn.emails.lint.jinja.translations import find_untranslated_texts
from keyturn.emails.lint.suppression.ignore_comments import IgnoreComments
from keyturn.emails.lint.suppression.severities import AS_DECLARED, Severities
from keyturn.emails.lint.template_checks import TemplateChecks, TemplateFindings, texts_by_file
from keyturn.emails.workers import Limits
from keyturn.languages import Language


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and the mails that have it: "template/sample", with the language where there are several.

    There are none where it was found in the templates without drawing any. `fingerprint` is that of its line
    (`line_fingerprints`).
    """

    finding: Finding
    mails: tuple[str, ...]
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """Holds what was found in all mails.

    `mails` is how many were rendered, `templates` how many templates they came from. Beside what was found, some was
    `ignored` by comments, or is `in_baseline`. `coverage` is None where nobody has looked for branches.
    """

    found: tuple[Found, ...]
    templates: int
    mails: int
    ignored: int = 0
    in_baseline: int = 0
    coverage: FolderCoverage | None = None

    def count(self, severity: str) -> int:
        return sum(one.finding.severity == severity for one in self.found)

    def fails(self, at: str) -> bool:
        """Tell whether there is something as severe as `at`, or worse; never for any other word."""
        return any(map(self.count, worst_down_to(at)))

    def with_rules(self, rules: Sequence[str]) -> "Examination":
        """Keep the findings whose rule is named, in full or by its group ("mjml")."""
        wanted = set(rules)
        kept = (one for one in self.found if {one.finding.rule, one.finding.group} & wanted)
        return replace(self, found=tuple(kept)) if wanted else self


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
        mails: dict[Finding, list[str]] = defaultdict(list)
        for finding, those in (one for findings in of_templates for one in findings.found):
            mails[finding] += those
        mails |= {one: [] for one in find_untranslated_texts(gallery, texts_by_file(of_templates), languages)}
        mails |= beside or {}
        branches = {name: one.branches for name, one in zip(names, of_templates, strict=True) if one.branches}
        comments = IgnoreComments(gallery.source)
        kept = {one: those for one, those in mails.items() if not comments.ignores(one)}
        files = list(dict.fromkeys(file for name in names for file in gallery.files_of(name)))
        of_comments = [*comments.mistakes(files), *(comments.unused(files) if only is None else ())]
        found = one_for_each_engine(kept | {one: [] for one in of_comments})
        judged = ((severities.apply(finding), those) for finding, those in found.items())
        counting = sorted(
            ((finding, those) for finding, those in judged if finding),
            key=lambda one: (one[0].place, one[0].rule, one[0].message),
        )
        fingerprint = line_fingerprints(gallery.source)
        return Examination(
            tuple(Found(finding, tuple(those), fingerprint(finding.place)) for finding, those in counting),
            len(names), sum(findings.drawn for findings in of_templates), ignored=len(mails) - len(kept),
            coverage=FolderCoverage.of(branches) if branches else None,
        )  # fmt: skip


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
