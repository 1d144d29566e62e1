"""Every check on every template with every sample, each finding once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.branches.report import BranchReport, FolderCoverage
from keyturn.emails.gallery.placeholders.missing_names import missing_name, stand_in_for
from keyturn.emails.lint.checks import CHECKS
from keyturn.emails.lint.document import Check, Document, read_document
from keyturn.emails.lint.finding import Finding, Place, worst_down_to
from keyturn.emails.lint.guard.guard import guard
from keyturn.emails.lint.jinja.broken_templates import explain, explain_samples
from keyturn.emails.lint.jinja.other_engines import one_for_each_engine
from keyturn.emails.lint.jinja.translations import find_untranslated
from keyturn.emails.lint.jinja.unknown_filters import find_unknown_filters, with_lenient_origins
from keyturn.emails.lint.suppression.ignore_comments import IgnoreComments
from keyturn.emails.lint.suppression.severities import AS_DECLARED, Severities
from keyturn.errors import TemplateInvalid
from keyturn.languages import SOURCE_LANGUAGE, Language
from keyturn.mail.rendering.folders import Folders
from keyturn.mail.rendering.render import Templates


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


def examine(
    gallery: Gallery,
    checks: Iterable[Check] = CHECKS,
    languages: Iterable[Language] | None = None,
    *,
    severities: Severities = AS_DECLARED,
    only: Collection[str] | None = None,
) -> Examination:
    """Check all there is, or `only` these templates, in the order of the places in the templates.

    Every sample in one language, English where it is among them, and the first sample in all: what is wrong with the
    data shows in any language, and what is wrong with a language in any data.
    """
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    with gallery.one_look():
        names = [name for name in gallery.names() if only is None or name in only]
        mails, rendered, branches = _examine(gallery, names, tuple(checks), languages)
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
            len(names), rendered, ignored=len(mails) - len(kept),
            coverage=FolderCoverage.of(branches) if branches else None,
        )  # fmt: skip


def _examine(
    gallery: Gallery, names: Sequence[str], checks: tuple[Check, ...], languages: tuple[Language, ...]
) -> tuple[Mapping[Finding, list[str]], int, Mapping[str, BranchReport]]:
    """Return what is wrong with these templates, each finding with the mails that have it.

    Then how many were drawn, and what is known of the branches of each.
    """
    rendered = 0
    branches: dict[str, BranchReport] = {}
    mails: dict[Finding, list[str]] = defaultdict(list)
    templates_for = gallery.renderers(with_lenient_origins)
    for template in names:
        try:
            samples = [*gallery.samples(template).values()]
        except TemplateInvalid as error:
            mails[explain_samples(error, gallery.folders).finding].append(template)
            continue
        for finding in find_unknown_filters(gallery, template):
            mails[finding].append(template)
        if report := gallery.branches(template):
            branches[template] = report
            samples += report.samples
        for sample, language in _samples_in_languages(samples, languages):
            rendered += 1
            mail = f"{template}/{sample.name}" + (f" {language.tag}" if len(languages) > 1 else "")
            for finding in dict.fromkeys(findings(templates_for(sample), template, sample, language, checks)):
                mails[finding].append(mail)
    for finding in find_untranslated(gallery, names, languages):
        mails[finding] = []
    return mails, rendered, branches


def _samples_in_languages(
    samples: Iterable[Sample], languages: Sequence[Language]
) -> Iterator[tuple[Sample, Language]]:
    for number, sample in enumerate(samples):
        if number == 0:
            yield from ((sample, language) for language in languages)
        else:
            yield sample, next((one for one in languages if one.tag == SOURCE_LANGUAGE), languages[0])


def findings(
    templates: Templates, template: str, sample: Sample, language: Language, checks: Iterable[Check]
) -> Iterable[Finding]:
    """Yield what is wrong with one mail. `templates` come from `Gallery.renderers`, with origins."""
    try:
        document = read_document(templates, template, sample, language)
    except TemplateInvalid as error:
        yield explain(error, templates.folders, sample).finding
        return
    yield from missing_names(document, templates.folders, sample)
    yield from document_findings(document, checks)


def missing_names(document: Document, folders: Folders, sample: Sample) -> Iterable[Finding]:
    """Yield each name that the sample lacks, at the line that prints it."""
    return (explain(missing, folders, sample).finding for missing in document.missing)


def document_findings(document: Document, checks: Iterable[Check]) -> Iterable[Finding]:
    """Yield what is wrong with a mail that Jinja can render.

    What is said of a stand-in only follows from the name that is missing, which is a finding by itself.
    """
    found = chain(guard(document) if document.is_mjml else (), *(check(document) for check in checks if document.html))
    stand_ins = {stand_in_for(missing_name(missing.message)).rstrip("]") for missing in document.missing}
    return (finding for finding in found if not any(one in finding.message for one in stand_ins))


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
