"""Checks mails: `check` those of a folder, `TemplateChecks.check_mail` one of them.

`put_together` makes the report from the parts of templates.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from operator import attrgetter

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
from keyturn.studio.lint.checks import accessibility, comments, links, parts, safety
from keyturn.studio.lint.checks.conditionals import check_conditionals
from keyturn.studio.lint.checks.selectors import check_selectors
from keyturn.studio.lint.checks.unused_styles import StyleUses, unused_in_all
from keyturn.studio.lint.clients.clients import clients_in
from keyturn.studio.lint.clients.features import check_compatibility
from keyturn.studio.lint.document import Check, Document, read_document, sent_document
from keyturn.studio.lint.finding import Finding, Place, merge
from keyturn.studio.lint.guard import guard
from keyturn.studio.lint.report import Report
from keyturn.studio.lint.rules import RULES, limit_finding
from keyturn.studio.lint.source.broken_templates import explain, explain_samples, unknown_filters
from keyturn.studio.lint.source.origins import going_on, with_lenient_origins
from keyturn.studio.lint.source.other_engines import in_files_of_engines, one_for_each_engine
from keyturn.studio.lint.source.stand_ins import NO_LAYOUT
from keyturn.studio.lint.source.translations import findings_on_texts, marked_texts
from keyturn.studio.lint.suppression import IgnoreComments, at_severity
from keyturn.studio.renderers.limits import Limits, OutOfTime, limited_time

TEXT_CHECKS: tuple[Check, ...] = (links.check_links_in_text, *parts.OF_ALL_PARTS)
"""The checks of a mail that has no HTML."""


def checks_for(groups: Iterable[str] = (), audits: Mapping[str, str] = {}) -> tuple[Check, ...]:
    """Return the checks for groups of mail clients.

    `audits`: what mails declare, by name. Raises UnknownClients.
    """
    return (
        partial(safety.check_safety, audits=audits),
        partial(check_compatibility, clients=clients_in(groups)),
        links.check_links,
        check_selectors,
        *accessibility.CHECKS,
        *comments.CHECKS,
        check_conditionals,
        *parts.CHECKS,
    )


CHECKS = checks_for()

ENOUGH = 2
"""Mails of a template that may pass a limit before the others are skipped."""


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
        return self.mails > 0 and not any(finding.hides for finding in self.findings)


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
        name = MailName(template)
        passed: list[Finding] = []
        findings: list[Finding] = []
        samples: Sequence[Sample] = ()
        with self._limits(template, passed):
            samples = self._samples(template, findings)
        findings = [_with_mail(one, name, hides=True) for one in (*findings, *passed)]
        if not samples:
            return TemplateResult(tuple(findings))
        passes = None
        with self._limits(template, passed, LONGEST + self.limits.seconds):
            passes = None if findings else self.gallery.branches(template)
        mails: list[MailName] = []
        ended = 0
        styles = StyleUses()
        for sample, language in self._mails(samples, passes):
            of_mail = self._findings(template, sample, language, styles)
            if sample.forced:
                of_mail = _without_known_faults(of_mail, findings)
            mail = _mail_name(template, sample, language, self.languages)
            findings += (_with_mail(one, mail) for one in of_mail)
            mails.append(mail)
            if any(finding.group == "limits" for finding in of_mail):
                ended += 1
            if ended >= ENOUGH:
                break
        is_judged = not passed and not any(finding.hides for finding in findings)
        of_files = TemplateResult()
        with self._limits(template, passed):
            of_files = self._of_files(template, styles if is_judged else None)
        findings += (_with_mail(one, name) for one in of_files.findings)
        if not ended:  # with values of no sample
            findings += (_with_mail(limit, name, hides=True) for limit in passed)
        if not self.gallery.templates.engine:
            told = in_files_of_engines(findings, self.gallery.files_of(template), self.gallery.text)
            findings = [one if one.mails else replace(one, mails=tuple(mails)) for one in told]
        return replace(
            of_files,
            findings=tuple(merge(findings, _SAYS)),
            mails=len(mails),
            is_cut_short=passes is not None and passes.is_cut_short,
        )

    def _mails(
        self, samples: Sequence[Sample], passes: Passes | None
    ) -> Iterator[tuple[Sample, Language]]:
        """Yield the first sample in all languages, then the others in the source language."""
        first, *others = samples
        usual = self.languages[0]
        for language in self.languages:
            yield first, language
            if language.tag == SOURCE_LANGUAGE:
                usual = language
        for sample in (*others, *(passes.samples if passes else ())):
            yield sample, usual

    def check_mail(
        self, template: str, sample: Sample, language: Language, read: _Read
    ) -> TemplateResult:
        """Check one mail, which `read` returns."""
        mail = _mail_name(template, sample, language, self.gallery.languages.known)
        of_mail = self._findings(template, sample, language, StyleUses(), read)
        findings = [_with_mail(one, mail) for one in of_mail]
        of_files = self._of_files(template)
        findings += of_files.findings
        return replace(of_files, findings=tuple(merge(findings, _SAYS)), mails=1)

    @contextmanager
    def _limits(self, template: str, passed: list[Finding], seconds: float = 0) -> Iterator[None]:
        """Let work end at a limit. The finding on it joins those `passed`."""
        try:
            with limited_time(seconds or self.limits.seconds):
                yield
        except (OutOfTime, RecursionError) as error:
            limit = "nesting" if isinstance(error, RecursionError) else "time"
            passed.append(limit_finding(limit, self.gallery.files(template).markup))

    def _samples(self, template: str, findings: list[Finding]) -> Sequence[Sample]:
        """Return the samples.

        If they cannot be read, `findings` get why, and values are guessed.
        """
        try:
            return tuple(self.gallery.samples(template).values())
        except TemplateInvalid as error:
            findings += (explain_samples(one, self.gallery) for one in (error, *error.others))
        if all(one.rule == "samples/invalid" for one in findings):
            return (self.gallery.guessed_sample(template),)
        return ()

    def _findings(
        self,
        template: str,
        sample: Sample,
        language: Language,
        styles: StyleUses,
        read: _Read | None = None,
    ) -> list[Finding]:
        """Return the findings on a mail.

        Those that keep the checks from seeing all of it say so (`hides`).
        """
        findings: list[Finding] = []
        hiding: list[Finding] = []
        try:
            with self._limits(template, hiding):
                if read:
                    document = read()
                else:
                    templates = self._templates_for(sample)
                    document = read_document(templates, template, sample, language)
                for fault in _faults_of(document):
                    finding = explain(fault, self.gallery, sample)
                    findings.append(finding)
                    if is_failed_part(fault):
                        hiding.append(finding)
                for finding in document_findings(document, self.checks):
                    findings.append(finding)  # noqa: PERF402 - keeps the findings made before the time is over
                if self.checks:
                    styles.add(document)
                if document.refusal:
                    hiding += (finding for finding in findings if finding.severity == "error")
        except TemplateInvalid as error:
            hiding += (explain(one, self.gallery, sample) for one in (error, *error.others))
        findings = merge([*findings, *(replace(one, hides=True) for one in hiding)])
        if not sample.forced:
            return findings
        return [one for one in findings if one.group == "limits" or _is_added(one.place, sample)]

    def _of_files(self, template: str, styles: StyleUses | None = None) -> TemplateResult:
        """Return what can be said of the files of a template, and which of their `styles` are
        unused.
        """
        files = self.gallery.files_of(template)
        findings: list[Finding] = []
        texts: list[tuple[TextKey, Place]] = []
        for file in files:
            of_file, texts_of_file = self._of_file(file)
            findings += of_file
            texts += texts_of_file
        unused: tuple[Finding, ...] = ()
        if styles:
            unused = tuple(styles.unused(map(self.gallery.text, files)))
        return TemplateResult(tuple(findings), texts=tuple(texts), unused=unused)


def _without_known_faults(of_mail: Iterable[Finding], known: Iterable[Finding]) -> list[Finding]:
    """Leave out parts that fail with made-up values where those of a sample failed already."""
    places = {one.place for one in known}
    return [one for one in of_mail if one.rule != "unchecked/part" or one.place not in places]


def _faults_of(document: Document) -> list[TemplateInvalid]:
    if not document.sample.forced:
        return list(document.missing)
    # Behind a forced decision, a text or a number may be asked for a part.
    return [one for one in document.missing if getattr(one.__cause__, "beside", None) != ()]


def _is_added(place: Place, sample: Sample) -> bool:
    """Tell whether the forced decisions of a sample add a place."""
    return any(
        lines.file == place.file and lines.first <= place.line <= lines.last
        for lines in sample.adds
    )


def _of_file(
    gallery: Gallery, file: str
) -> tuple[Sequence[Finding], Sequence[tuple[TextKey, Place]]]:
    """Return the unknown filters of a file and its texts for translation; other checks report what
    cannot be read.
    """
    environment = gallery.templates.environment(gallery.languages.choose(""))
    is_lenient = isinstance(environment, FolderEnvironment) and not gallery.templates.engine
    has_catalogues = any(gallery.languages.catalogues.languages())
    if not (is_lenient or has_catalogues):
        return (), ()
    try:
        source = gallery.source(file)
        tree = parse_template(environment, source, file, with_lenient_origins)
    except (TemplateError, OSError):
        return (), ()
    findings = tuple(unknown_filters(tree, source, file, gallery)) if is_lenient else ()
    texts = tuple(marked_texts(tree, source, file).items()) if has_catalogues else ()
    return findings, texts


def _with_mail(finding: Finding, mail: MailName, *, hides: bool = False) -> Finding:
    return replace(finding, mails=(mail,), hides=hides or finding.hides)


def _mail_name(
    template: str, sample: Sample, language: Language, among: Collection[object]
) -> MailName:
    """Return the name of a mail, which has a language if there are several."""
    return MailName(template, sample.name, language.tag if len(among) > 1 else "")


def document_findings(document: Document, checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield the findings on a rendered mail, without those on a stand-in: the missing part is a
    finding itself.
    """
    findings = _all_findings(document, checks)
    if not (document.missing or document.sample.forced):
        yield from findings
        return
    shown_at = {document.place(at.start()) for at in re.finditer(r"\[\[", document.markup)}
    lacks_layout = document.place(document.body.offset).file == NO_LAYOUT
    for finding in findings:
        is_of_layout = finding.place.file == NO_LAYOUT or RULES.row_of(finding).is_of_nesting
        is_of_stand_in = finding.place in shown_at or "[[" in finding.message
        if not is_of_stand_in and not (lacks_layout and is_of_layout):
            yield finding


def _all_findings(document: Document, checks: Iterable[Check]) -> Iterator[Finding]:
    if document.files.is_mjml:
        yield from guard(document)
    if document.files.is_text:
        checks = TEXT_CHECKS
    elif not document.mail.html:
        checks = ()
    for check in checks:
        yield from check(document)


def check_sent_mail(
    _: object, html: str, text: str, subject: str, clients: tuple[str, ...] = ()
) -> list[Finding]:
    """Return the findings on a sent mail.

    It runs in a renderer: a few kilobytes of HTML and CSS can cost an hour of work.
    """
    document = sent_document(html, text, subject)
    findings = dict.fromkeys(document_findings(document, checks_for(clients)))
    for_senders = []
    for finding in findings:
        fix = RULES.row_of(finding).fixes.get("sent", finding.fix)
        for_senders.append(replace(finding, fix=fix))
    return sorted(for_senders, key=attrgetter("place", "rule", "message"))


_Results = Mapping[str, TemplateResult]
"""Results by the names of their templates."""

_Users = Mapping[str, Collection[str]]
"""Templates by the names of their files."""

ChecksTemplates = Callable[[TemplateChecks, Sequence[str]], Iterable[TemplateResult]]
"""Returns the results of templates in the order of their names."""


def check_gallery(
    gallery: Gallery,
    checks: Iterable[Check] = CHECKS,
    languages: Iterable[Language] | None = None,
    *,
    severity: Mapping[str, str] = {},
    only: Collection[str] | None = None,
    limits: Limits | None = None,
    each: ChecksTemplates = lambda checks, names: map(checks.check, names),
) -> Report:
    """Check all templates, or `only` these."""
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    gallery = going_on(gallery)
    with gallery.one_look():
        names = [name for name in gallery.names() if only is None or name in only]
        checker = TemplateChecks(gallery, tuple(checks), languages, limits or Limits())
        results = dict(zip(names, each(checker, names), strict=True))
        return put_together(gallery, results, languages, severity, are_all=only is None)


def put_together(
    gallery: Gallery,
    results: _Results,
    languages: Sequence[Language],
    severity: Mapping[str, str],
    are_all: bool = False,
) -> Report:
    """Make the report from the results of templates.

    With those of all (`are_all`), unused comments can be told.
    """
    text = cache(gallery.text)  # thousands of findings may be in one file
    files = {name: gallery.files_of(name) for name in results}
    users = _users(files)
    findings = list(chain.from_iterable(result.findings for result in results.values()))
    texts = {name: result.texts for name, result in results.items()}
    findings += findings_on_texts(gallery, texts, languages)
    findings += _unused_styles(gallery, results)
    ignoring = IgnoreComments(text)
    judged = []
    for finding in merge(findings):
        reason = ignoring.reason(finding)
        if kept := at_severity(finding, severity):
            judged.append(replace(kept, reason=reason))
    unseen = set[str]()  # files of which some part was not checked
    for name, result in results.items():
        if not result.is_whole:
            unseen.update(files[name])
    seen = [file for file in users if are_all and file not in unseen]
    on_comments = (*ignoring.mistakes(users), *ignoring.unused(seen))
    judged += [kept for one in on_comments if (kept := at_severity(one, severity))]
    mails = sum(result.mails for result in results.values())
    complete = _complete(one_for_each_engine(judged, text), users, text)
    return Report(templates=len(results), mails=mails).with_findings(complete)


def _unused_styles(gallery: Gallery, results: _Results) -> Iterable[Finding]:
    unused = {}
    for name, result in results.items():
        if result.is_whole and result.unused:
            unused[name] = result.unused
    if not unused:
        return ()
    return unused_in_all(unused, _users({name: gallery.files_of(name) for name in gallery.names()}))


def _users(files: Mapping[str, Iterable[str]]) -> _Users:
    """Return the templates of each file, from the files of each template."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, those in files.items():
        for file in those:
            users[file].append(name)
    return users


def _complete(
    findings: Iterable[Finding], users: _Users, text: Callable[[str], str]
) -> Iterator[Finding]:
    """Yield the findings with their templates and the fingerprints of their lines, whatever the
    indentation.
    """
    lines = cache(lambda file: text(file).split("\n"))

    @cache  # a line may be long, and have thousands of findings
    def fingerprint(file: str, line: int) -> str:
        words = "".join(lines(file)[line - 1 : line]).split()
        return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]

    for one in findings:
        file = one.place.file
        of_mails = dict.fromkeys(mail.template for mail in one.mails)
        templates = tuple(of_mails or one.templates or users.get(file, ()))
        own = fingerprint(file, one.place.line_for_tools)
        yield replace(one, templates=templates, fingerprint=own)
