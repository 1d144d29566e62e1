"""Checks one template with all its samples. Several templates can be checked in parallel."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain

import msgspec

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.branches.report import BranchReport
from keyturn.emails.gallery.branches.search import LONGEST
from keyturn.emails.gallery.variables.missing_names import missing_name, stand_in_for
from keyturn.emails.lint.document import Check, Document, read_document
from keyturn.emails.lint.finding import Finding, Place, limit_finding
from keyturn.emails.lint.guard import guard
from keyturn.emails.lint.source.broken_templates import explain, explain_samples
from keyturn.emails.lint.source.translations import MarkedTexts, has_catalogues, marked_texts
from keyturn.emails.lint.source.unknown_filters import unknown_filters_in, with_lenient_origins
from keyturn.emails.renderers.limits import Limits, OutOfTime, limited_time
from keyturn.errors import TemplateInvalid
from keyturn.languages import SOURCE_LANGUAGE, Language, Text
from keyturn.mail.rendering.folders import Folders

ENOUGH = 2
"""Mails of a template that may pass a limit before the others are skipped."""


class TemplateFindings(msgspec.Struct, frozen=True, array_like=True):
    """The findings on a template, each with its mails.

    `drawn`: the number of rendered mails. `texts`: texts of its files that are marked for translation, each with its
    first place. `branches`: without samples, or None if branches were not explored. `is_whole`: all checks have seen
    all mails.
    """

    found: tuple[tuple[Finding, tuple[str, ...]], ...]
    drawn: int = 0
    texts: tuple[tuple[Text, Place], ...] = ()
    branches: BranchReport | None = None
    is_whole: bool = True


class TemplateChecks:
    """Checks templates of a gallery, one by one, within the gallery's current look.

    Every sample is checked in one language, English if possible, and the first sample in all languages: mistakes in
    data show in any language, mistakes in a language with any data. Samples of branches count as samples.
    """

    def __init__(
        self, gallery: Gallery, checks: Iterable[Check], languages: Sequence[Language], limits: Limits | None = None
    ) -> None:
        self.gallery = gallery
        self.languages = languages
        self.limits = limits or Limits()
        self._checks = tuple(checks)
        self._has_catalogues = has_catalogues(gallery)
        self._templates_for = gallery.renderers(with_lenient_origins)
        self._unknown_filters = cache(lambda file: tuple(unknown_filters_in(gallery, file)))
        self._texts = cache(lambda file: marked_texts(gallery, file))

    def check(self, template: str) -> TemplateFindings:
        """Return the findings on a template. A mail that takes too long is a finding; the others are still checked."""
        found: dict[Finding, list[str]] = defaultdict(list)
        try:
            samples = self.gallery.samples(template).values()
        except TemplateInvalid as error:
            unreadable = [explain_samples(one, self.gallery.folders).finding for one in (error, *error.others)]
            return TemplateFindings(tuple((finding, (template,)) for finding in unreadable), is_whole=False)
        files = self.gallery.files_of(template)
        for finding in (finding for file in files for finding in self._unknown_filters(file)):
            found[finding].append(template)
        report, ran_away = self._branches(template)
        drawn = ended = 0
        is_whole = not ran_away
        for sample, language in samples_in_languages((*samples, *(report.samples if report else ())), self.languages):
            mail = f"{template}/{sample.name}" + (f" {language.tag}" if len(self.languages) > 1 else "")
            of_mail, is_checked = self._findings(template, sample, language)
            is_whole = is_whole and is_checked
            for finding in dict.fromkeys(of_mail):
                found[finding].append(mail)
            drawn, ended = drawn + 1, ended + any(finding.group == "limits" for finding in of_mail)
            if ended >= ENOUGH:
                break
        if ran_away and not ended:  # with values of no sample
            found[limit_finding("time", Place(files[0]))].append(template)
        told = tuple((finding, tuple(those)) for finding, those in found.items())
        branches = replace(report, samples=()) if report else None
        return TemplateFindings(told, drawn, tuple(self._marked(files)), branches, is_whole)

    def _branches(self, template: str) -> tuple[BranchReport | None, bool]:
        """Return the report on branches, and whether exploring them ran out of time."""
        try:
            with limited_time(LONGEST + self.limits.seconds):
                return self.gallery.branches(template), False
        except OutOfTime:
            return None, True

    def _findings(self, template: str, sample: Sample, language: Language) -> tuple[list[Finding], bool]:
        found, is_checked = [], False
        templates = self._templates_for(sample)
        try:
            with limited_time(self.limits.seconds):
                document = read_document(templates, template, sample, language)
                missing = missing_names(document, templates.folders, sample)
                for finding in chain(missing, document_findings(document, self._checks)):
                    found.append(finding)  # noqa: PERF402 - keeps the findings made before the time is over
                is_checked = not document.refusal
        except OutOfTime:
            found.append(limit_finding("time", Place(self.gallery.files(template).markup)))
        except TemplateInvalid as error:
            found.append(explain(error, templates.folders, sample).finding)
        return found, is_checked

    def _marked(self, files: Iterable[str]) -> Iterator[tuple[Text, Place]]:
        if self._has_catalogues:
            for file in files:
                yield from self._texts(file).items()


def samples_in_languages(samples: Iterable[Sample], languages: Sequence[Language]) -> Iterator[tuple[Sample, Language]]:
    for number, sample in enumerate(samples):
        if number == 0:
            yield from ((sample, language) for language in languages)
        else:
            yield sample, next((one for one in languages if one.tag == SOURCE_LANGUAGE), languages[0])


def missing_names(document: Document, folders: Folders, sample: Sample) -> Iterable[Finding]:
    return (explain(missing, folders, sample).finding for missing in document.missing)


def document_findings(document: Document, checks: Iterable[Check]) -> Iterable[Finding]:
    """Yield the findings on a rendered mail.

    Findings on the stand-in of a missing name are left out: the missing name is a finding itself.
    """
    found = chain(guard(document) if document.is_mjml else (), *(check(document) for check in checks if document.html))
    stand_ins = {stand_in_for(missing_name(missing.message)).rstrip("]") for missing in document.missing}
    return (finding for finding in found if not any(one in finding.message for one in stand_ins))


def texts_by_file(found: Iterable[TemplateFindings]) -> list[MarkedTexts]:
    """Return the texts of all files, file by file in their order."""
    files: dict[str, dict[Text, Place]] = defaultdict(dict)
    for text, place in (one for template in found for one in template.texts):
        files[place.file].setdefault(text, place)
    return [files[file] for file in sorted(files)]
