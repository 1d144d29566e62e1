"""Checks the mails of a template, and its files, each within limits."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from operator import attrgetter
from typing import NamedTuple

import msgspec
from jinja2 import TemplateError
from msgspec.structs import replace

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.catalogues import TextKey
from keyturn.mail.languages.language import SOURCE_LANGUAGE, Language
from keyturn.studio.gallery import Gallery, MailName, Sample
from keyturn.studio.gallery.branches.exploration import LONGEST, Passes
from keyturn.studio.gallery.environments import FolderEnvironment
from keyturn.studio.gallery.sample_templates import SampleTemplates
from keyturn.studio.gallery.syntax_trees import parse_template
from keyturn.studio.gallery.variables.missing_names import is_failed_part
from keyturn.studio.lint.checks.unused_styles import StyleUses
from keyturn.studio.lint.document import Check, Document, read_document
from keyturn.studio.lint.finding import Finding, Place, merge
from keyturn.studio.lint.mail_checks import document_findings
from keyturn.studio.lint.rules import limit_finding
from keyturn.studio.lint.source.broken_templates import explain, explain_samples, unknown_filters
from keyturn.studio.lint.source.origins import with_lenient_origins
from keyturn.studio.lint.source.other_engines import in_files_of_engines
from keyturn.studio.lint.source.translations import marked_texts
from keyturn.studio.renderers.limits import Limits, OutOfTime, limited_time

ENOUGH = 2
"""Mails of a template that may exceed a limit before the others are skipped."""


class TemplateResult(msgspec.Struct, frozen=True, array_like=True):
    """What the checks say of a template: rendered `mails`, `texts` for translation, `unused`
    selectors.
    """

    findings: tuple[Finding, ...] = ()
    mails: int = 0
    texts: tuple[tuple[TextKey, Place], ...] = ()
    is_cut_short: bool = False
    unused: tuple[Finding, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all checks have seen all mails."""
        return self.mails > 0 and not _hides_something(self.findings)


def _hides_something(findings: Iterable[Finding]) -> bool:
    return any(finding.hides for finding in findings)


class _Mail(NamedTuple):
    template: str
    sample: Sample
    language: Language

    def name(self, languages: Collection[object]) -> MailName:
        """Return its name, which has the language if there are several `languages`."""
        tag = self.language.tag if len(languages) > 1 else ""
        return MailName(self.template, self.sample.name, tag)


class _Samples(NamedTuple):
    """The samples of a template that can be rendered, and what is wrong with others."""

    usable: Sequence[Sample] = ()
    faults: Sequence[Finding] = ()

    @property
    def are_to_be_guessed(self) -> bool:
        """Whether only the samples are wrong, so that values can be guessed in their place."""
        return bool(self.faults) and all(one.rule == "samples/invalid" for one in self.faults)


@dataclass
class _CheckedMails:
    """What the checks say of the mails of a template.

    `styles`: the stylesheets of the mails. `limits`: the number of mails that exceeded one.
    """

    findings: list[Finding] = field(default_factory=list)
    mails: list[MailName] = field(default_factory=list)
    styles: StyleUses = field(default_factory=StyleUses)
    limits: int = 0


class _FileResult(NamedTuple):
    """What the checks say of a file by itself: findings, and its texts for translation."""

    findings: Sequence[Finding] = ()
    texts: Sequence[tuple[TextKey, Place]] = ()


_Read = Callable[[], Document]

# Equal findings of one template: their fixes may name different samples.
_SAYS = attrgetter("rule", "place", "message")


@dataclass(eq=False)
class TemplateChecks:
    """Checks templates of a gallery, one by one, within the gallery's current look.

    Every sample is checked in one language, and the first sample in all: mistakes in data show in
    any language, mistakes in a language with any data. `traced`: the gallery's templates with
    origins, for a caller that has some.
    """

    gallery: Gallery
    checks: Sequence[Check]
    languages: Sequence[Language]
    limits: Limits
    traced: SampleTemplates | None = None

    def __post_init__(self) -> None:
        self._templates_for = self.traced or self.gallery.sample_templates(
            with_lenient_origins, is_forcing=self.gallery.finds_branches
        )
        self._of_file = cache(partial(_of_file, self.gallery))

    def check(self, template: str) -> TemplateResult:
        """Check a template.

        A mail that takes too long is a finding; the others are still checked.
        """
        whole_template = MailName(template)
        exceeded: list[Finding] = []
        samples = self._samples(template, exceeded)
        known = (*samples.faults, *exceeded)
        faults = [_with_mail(one, whole_template, hides=True) for one in known]
        if not samples.usable:
            return TemplateResult(tuple(faults))
        passes = None
        if not faults:
            with self._limits(template, exceeded, LONGEST + self.limits.seconds):
                passes = self.gallery.branches(template)
        checked = self._check_mails(template, samples.usable, passes, faults)
        findings = [*faults, *checked.findings]
        # A part that was not seen may use the selectors.
        is_seen = not exceeded and not _hides_something(findings)
        of_files = TemplateResult()
        with self._limits(template, exceeded):
            of_files = self._of_files(template, checked.styles if is_seen else None)
        findings += (_with_mail(one, whole_template) for one in of_files.findings)
        if not checked.limits:  # a mail that exceeded one has a finding of its own
            findings += (_with_mail(one, whole_template, hides=True) for one in exceeded)
        told = self._with_engines(findings, template, checked.mails)
        return replace(
            of_files,
            findings=tuple(merge(told, _SAYS)),
            mails=len(checked.mails),
            is_cut_short=passes is not None and passes.is_cut_short,
        )

    @contextmanager
    def _limits(self, template: str, exceeded: list[Finding], seconds: float = 0) -> Iterator[None]:
        """Let work end at a limit. The finding on it joins those on limits that were `exceeded`."""
        try:
            with limited_time(seconds or self.limits.seconds):
                yield
        except (OutOfTime, RecursionError) as error:
            limit = "nesting" if isinstance(error, RecursionError) else "time"
            exceeded.append(limit_finding(limit, self.gallery.files(template).markup))

    def _samples(self, template: str, exceeded: list[Finding]) -> _Samples:
        """Return the samples. If they cannot be read, values are guessed."""
        samples = _Samples()
        with self._limits(template, exceeded):
            samples = self._read_samples(template)
        if samples.are_to_be_guessed:
            with self._limits(template, exceeded):
                guessed = self.gallery.guessed_sample(template)
                samples = samples._replace(usable=(guessed,))
        return samples

    def _read_samples(self, template: str) -> _Samples:
        try:
            return _Samples(tuple(self.gallery.samples(template).values()))
        except TemplateInvalid as error:
            faults = [explain_samples(one, self.gallery) for one in (error, *error.others)]
            return _Samples(faults=faults)

    def _check_mails(
        self,
        template: str,
        samples: Sequence[Sample],
        passes: Passes | None,
        faults: Iterable[Finding],
    ) -> _CheckedMails:
        """Check the mails until too many exceed a limit. `faults`: those known before."""
        checked = _CheckedMails()
        known_places = {one.place for one in faults}
        for mail in self._mails(template, samples, passes):
            name = mail.name(self.languages)
            of_mail = self._findings(mail, partial(self._read, mail), checked.styles)
            if mail.sample.forced:
                of_mail = _without_known_parts(of_mail, known_places)
            known_places.update(one.place for one in of_mail)
            checked.findings += (_with_mail(one, name) for one in of_mail)
            checked.mails.append(name)
            if any(finding.group == "limits" for finding in of_mail):
                checked.limits += 1
            if checked.limits >= ENOUGH:
                break
        return checked

    def _mails(
        self, template: str, samples: Sequence[Sample], passes: Passes | None
    ) -> Iterator[_Mail]:
        """Yield the first sample in all languages, then the others in the source language."""
        first, *others = samples
        usual = self.languages[0]
        for language in self.languages:
            yield _Mail(template, first, language)
            if language.tag == SOURCE_LANGUAGE:
                usual = language
        if passes:
            others += passes.samples
        for sample in others:
            yield _Mail(template, sample, usual)

    def _read(self, mail: _Mail) -> Document:
        templates = self._templates_for(mail.sample)
        return read_document(templates, mail.template, mail.sample, mail.language)

    def check_mail(
        self, template: str, sample: Sample, language: Language, read: _Read
    ) -> TemplateResult:
        """Check one mail, which `read` returns."""
        mail = _Mail(template, sample, language)
        name = mail.name(self.gallery.languages.known)
        findings = [_with_mail(one, name) for one in self._findings(mail, read, StyleUses())]
        of_files = self._of_files(template)
        findings += of_files.findings
        return replace(of_files, findings=tuple(merge(findings, _SAYS)), mails=1)

    def _findings(self, mail: _Mail, read: _Read, styles: StyleUses) -> list[Finding]:
        """Return the findings on a mail, whose stylesheets `styles` takes.

        Those that keep the checks from seeing all of it say so (`hides`).
        """
        findings: list[Finding] = []
        hiding: list[Finding] = []
        try:
            with self._limits(mail.template, hiding):
                document = read()
                # One by one: those that are made before the time is over stay.
                for finding in self._findings_on(document):
                    findings.append(finding)  # noqa: PERF402
                if self.checks:
                    styles.add(document)
        except TemplateInvalid as error:
            hiding += (explain(one, self.gallery, mail.sample) for one in (error, *error.others))
        findings += (replace(one, hides=True) for one in hiding)
        if mail.sample.forced:
            findings = [one for one in findings if _is_of_forced_part(one, mail.sample)]
        return findings

    def _findings_on(self, document: Document) -> Iterator[Finding]:
        for fault in _faults_of(document):
            finding = explain(fault, self.gallery, document.sample)
            hides = is_failed_part(fault) or _is_why_refused(finding, document)
            yield replace(finding, hides=hides)
        for finding in document_findings(document, self.checks):
            if _is_why_refused(finding, document):
                yield replace(finding, hides=True)
            else:
                yield finding

    def _of_files(self, template: str, styles: StyleUses | None = None) -> TemplateResult:
        """Return what can be said of the files of a template, and which of their `styles` are
        unused.
        """
        files = self.gallery.files_of(template)
        findings: list[Finding] = []
        texts: list[tuple[TextKey, Place]] = []
        for file in files:
            of_file = self._of_file(file)
            findings += of_file.findings
            texts += of_file.texts
        unused: tuple[Finding, ...] = ()
        if styles:
            unused = tuple(styles.unused(map(self.gallery.text, files)))
        return TemplateResult(tuple(findings), texts=tuple(texts), unused=unused)

    def _with_engines(
        self, findings: Sequence[Finding], template: str, mails: Sequence[MailName]
    ) -> Sequence[Finding]:
        """Return the findings as `in_files_of_engines` does. All `mails` have those that it makes
        itself.
        """
        if self.gallery.templates.engine:
            return findings
        files = self.gallery.files_of(template)
        told = []
        for finding in in_files_of_engines(findings, files, self.gallery.text):
            told.append(finding if finding.mails else replace(finding, mails=tuple(mails)))
        return told


def _with_mail(finding: Finding, mail: MailName, *, hides: bool = False) -> Finding:
    return replace(finding, mails=(mail,), hides=hides or finding.hides)


def _without_known_parts(findings: Iterable[Finding], known: Collection[Place]) -> list[Finding]:
    """Leave out parts that fail with made-up values where those of a sample failed already."""
    return [one for one in findings if one.rule != "unchecked/part" or one.place not in known]


def _is_why_refused(finding: Finding, document: Document) -> bool:
    """Tell whether the compiler may have refused the mail for this, so that it was not seen."""
    return bool(document.refusal) and finding.severity == "error"


def _faults_of(document: Document) -> list[TemplateInvalid]:
    if not document.sample.forced:
        return list(document.missing)
    # Behind a forced decision, a text or a number may be asked for a part.
    return [one for one in document.missing if getattr(one.__cause__, "beside", None) != ()]


def _is_of_forced_part(finding: Finding, sample: Sample) -> bool:
    """Tell whether the forced decisions of a sample add the place of a finding, or it is on a
    limit.
    """
    if finding.group == "limits":
        return True
    for lines in sample.adds:
        is_in_file = lines.file == finding.place.file
        if is_in_file and lines.first <= finding.place.line <= lines.last:
            return True
    return False


def _of_file(gallery: Gallery, file: str) -> _FileResult:
    """Return the unknown filters of a file and its texts for translation; other checks report what
    cannot be read.
    """
    environment = gallery.templates.environment(gallery.languages.choose(""))
    is_lenient = isinstance(environment, FolderEnvironment) and not gallery.templates.engine
    has_catalogues = any(gallery.languages.catalogues.languages())
    if not (is_lenient or has_catalogues):
        return _FileResult()
    try:
        source = gallery.source(file)
        tree = parse_template(environment, source, file, with_lenient_origins)
    except (TemplateError, OSError):
        return _FileResult()
    findings = list(unknown_filters(tree, source, file, gallery)) if is_lenient else []
    texts = list(marked_texts(tree, source, file).items()) if has_catalogues else []
    return _FileResult(findings, texts)
