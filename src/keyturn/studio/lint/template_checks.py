"""Checks mails: `check` those of a folder, `check_mail` one of them.

`put_together` makes the report of both.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, filterfalse, product
from operator import attrgetter

import msgspec
from jinja2 import TemplateError
from msgspec.structs import replace

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.catalogues import TextKey
from keyturn.mail.languages.language import SOURCE_LANGUAGE, Language
from keyturn.studio.gallery import Gallery, MailName, Sample
from keyturn.studio.gallery.branches.exploration import LONGEST
from keyturn.studio.gallery.environments import FolderEnvironment, parse_template
from keyturn.studio.gallery.gallery import Renderers
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

TEXT_CHECKS: tuple[Check, ...] = (
    links.check_links_in_text,
    *parts.OF_ALL_PARTS,
)  # of a mail that is text alone


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

ENOUGH = 2  # mails of a template that may pass a limit before the others are skipped


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
_SAYS = attrgetter(
    "rule", "place", "message"
)  # of equal findings of one template: the fix may name another sample


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
    traced: Renderers | None = None

    def __post_init__(self) -> None:
        gallery, is_forcing = self.gallery, self.gallery.finds_branches
        self._templates_for = self.traced or gallery.renderers(
            with_lenient_origins, is_forcing=is_forcing
        )
        self._of_file = cache(partial(_of_file, gallery))

    def check(self, template: str) -> TemplateResult:
        """Check a template.

        A mail that takes too long is a finding; the others are still checked.
        """
        name, passed = MailName(template), list[Finding]()
        samples: Sequence[Sample] = ()
        findings: list[Finding] = []
        with self._limits(template, passed):
            samples = self._samples(template, findings)
        findings = [_with_mail(one, name, hides=True) for one in (*findings, *passed)]
        if not samples:
            return TemplateResult(tuple(findings))
        passes = None
        with self._limits(template, passed, LONGEST + self.limits.seconds):
            passes = None if findings else self.gallery.branches(template)
        usual = next(
            (one for one in self.languages if one.tag == SOURCE_LANGUAGE), self.languages[0]
        )
        others = (*samples[1:], *(passes.samples if passes else ()))
        mails, ended, styles = list[MailName](), 0, StyleUses()
        for sample, language in chain(
            product(samples[:1], self.languages), product(others, [usual])
        ):
            of_mail = self._findings(template, sample, language, styles)
            if (
                sample.forced
            ):  # with made-up values; what fails with those of a sample is an error already
                known = {one.place for one in findings}
                of_mail = [
                    one for one in of_mail if one.rule != "unchecked/part" or one.place not in known
                ]
            mail = _mail_name(template, sample, language, self.languages)
            findings += (_with_mail(one, mail) for one in of_mail)
            mails.append(mail)
            ended += any(finding.group == "limits" for finding in of_mail)
            if ended >= ENOUGH:
                break
        is_judged, of_files = (
            not (passed or any(finding.hides for finding in findings)),
            TemplateResult(),
        )
        with self._limits(template, passed):
            of_files = self._of_files(template, styles if is_judged else None)
        findings += (_with_mail(one, name) for one in of_files.findings)
        if not ended:  # with values of no sample
            findings += (_with_mail(limit, name, hides=True) for limit in passed)
        is_cut_short = passes is not None and passes.is_cut_short
        if not self.gallery.templates.engine:
            told = in_files_of_engines(findings, self.gallery.files_of(template), self.gallery.text)
            findings = [one if one.mails else replace(one, mails=tuple(mails)) for one in told]
        return replace(
            of_files,
            findings=tuple(merge(findings, _SAYS)),
            mails=len(mails),
            is_cut_short=is_cut_short,
        )

    def check_mail(
        self, template: str, sample: Sample, language: Language, read: _Read
    ) -> TemplateResult:
        """Check one mail, which `read` returns."""
        mail = _mail_name(template, sample, language, self.gallery.languages.known)
        of_mail = (
            _with_mail(one, mail)
            for one in self._findings(template, sample, language, StyleUses(), read)
        )
        of_files = self._of_files(template)  # below those of the mail
        return replace(
            of_files, findings=tuple(merge((*of_mail, *of_files.findings), _SAYS)), mails=1
        )

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
        can_be_rendered = all(one.rule == "samples/invalid" for one in findings)
        return (self.gallery.guessed_sample(template),) if can_be_rendered else ()

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
                document = (
                    read()
                    if read
                    else read_document(self._templates_for(sample), template, sample, language)
                )
                missing = document.missing
                if (
                    sample.forced
                ):  # behind a forced decision, a text or a number may be asked for a part
                    missing = tuple(
                        one for one in missing if getattr(one.__cause__, "beside", None) != ()
                    )
                faults = {fault: explain(fault, self.gallery, sample) for fault in missing}
                hiding += (finding for fault, finding in faults.items() if is_failed_part(fault))
                for finding in chain(faults.values(), document_findings(document, self.checks)):
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

        def is_added(at: Place) -> bool:  # by the forced decisions
            return any(
                one.file == at.file and one.first <= at.line <= one.last for one in sample.adds
            )

        return [one for one in findings if one.group == "limits" or is_added(one.place)]

    def _of_files(self, template: str, styles: StyleUses | None = None) -> TemplateResult:
        """Return what can be said of the files of a template, and which of their `styles` are
        unused.
        """
        files = self.gallery.files_of(template)
        findings = tuple(one for file in files for one in self._of_file(file)[0])
        texts = tuple(one for file in files for one in self._of_file(file)[1])
        return TemplateResult(
            findings,
            texts=texts,
            unused=tuple(styles.unused(map(self.gallery.text, files))) if styles else (),
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
    texts = marked_texts(tree, source, file) if has_catalogues else {}
    return tuple(unknown_filters(tree, source, file, gallery)) if is_lenient else (), tuple(
        texts.items()
    )


def _with_mail(finding: Finding, mail: MailName, *, hides: bool = False) -> Finding:
    return replace(finding, mails=(mail,), hides=hides or finding.hides)


def _mail_name(
    template: str, sample: Sample, language: Language, among: Collection[object]
) -> MailName:
    """Return the name of a mail, which has a language if there are several."""
    return MailName(template, sample.name, language.tag if len(among) > 1 else "")


def document_findings(document: Document, checks: Iterable[Check]) -> Iterable[Finding]:
    """Yield the findings on a rendered mail, without those on a stand-in: the missing part is a
    finding itself.
    """
    checks = TEXT_CHECKS if document.files.is_text else checks if document.mail.html else ()
    findings = chain(
        guard(document) if document.files.is_mjml else (), *(check(document) for check in checks)
    )
    if not (document.missing or document.sample.forced):
        return findings
    shown_at = {document.place(at.start()) for at in re.finditer(r"\[\[", document.markup)}
    without_layout = document.place(document.body.offset).file == NO_LAYOUT

    def is_of_stand_in(finding: Finding) -> bool:
        is_of_layout = finding.place.file == NO_LAYOUT or RULES.row_of(finding).is_of_nesting
        return (
            finding.place in shown_at
            or "[[" in finding.message
            or (without_layout and is_of_layout)
        )

    return filterfalse(is_of_stand_in, findings)


def check_sent_mail(
    _: object, html: str, text: str, subject: str, clients: tuple[str, ...] = ()
) -> list[Finding]:
    """Return the findings in a sent mail, in a renderer: a few kilobytes of HTML and CSS can cost
    an hour of work.
    """
    findings = dict.fromkeys(
        document_findings(sent_document(html, text, subject), checks_for(clients))
    )
    for_senders = (
        replace(one, fix=RULES.row_of(one).fixes.get("sent", one.fix)) for one in findings
    )
    return sorted(for_senders, key=lambda finding: (finding.place, finding.rule, finding.message))


_Parts = Mapping[str, TemplateResult]  # parts by the names of their templates
_Users = Mapping[str, Collection[str]]  # templates by the names of their files
ChecksTemplates = Callable[
    [TemplateChecks, Sequence[str]], Iterable[TemplateResult]
]  # in the order of the names


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
        parts = dict(zip(names, each(checker, names), strict=True))
        return put_together(gallery, parts, languages, severity, are_all=only is None)


def put_together(
    gallery: Gallery,
    parts: _Parts,
    languages: Sequence[Language],
    severity: Mapping[str, str],
    are_all: bool = False,
) -> Report:
    """Make the report from the parts of templates.

    With those of all (`are_all`), unused comments can be told.
    """
    text = cache(gallery.text)  # thousands of findings may be in one file
    files = {name: gallery.files_of(name) for name in parts}
    of_mails = chain.from_iterable(part.findings for part in parts.values())
    ignoring = IgnoreComments(text)
    on_texts = findings_on_texts(
        gallery, {name: part.texts for name, part in parts.items()}, languages
    )
    unused = {name: part.unused for name, part in parts.items() if part.is_whole and part.unused}
    everybody = _users({name: gallery.files_of(name) for name in gallery.names()}) if unused else {}
    reasons = (
        (one, ignoring.reason(one))
        for one in merge([*of_mails, *on_texts, *unused_in_all(unused, everybody)])
    )
    judged = [
        replace(kept, reason=reason)
        for one, reason in reasons
        if (kept := at_severity(one, severity))
    ]
    users = _users(files)
    unseen = {
        file for name, part in parts.items() if not part.is_whole for file in files[name]
    }  # in full
    idle = ignoring.unused(file for file in users if are_all and file not in unseen)
    judged += filter(
        None, (at_severity(one, severity) for one in (*ignoring.mistakes(users), *idle))
    )
    report = Report(templates=len(parts), mails=sum(part.mails for part in parts.values()))
    return report.with_findings(_complete(one_for_each_engine(judged, text), users, text))


def _users(files: Mapping[str, Iterable[str]]) -> _Users:
    """Return the templates of each file, from the files of each template."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, file in ((name, file) for name, those in files.items() for file in those):
        users[file].append(name)
    return users


def _complete(
    findings: Iterable[Finding], users: _Users, text: Callable[[str], str]
) -> Iterator[Finding]:
    """Yield the findings with their templates and the fingerprints of their lines, whatever the
    indentation.
    """
    lines = cache(lambda file: text(file).split("\n"))

    @cache
    def fingerprint(
        file: str, line: int
    ) -> str:  # once for a line, which may be long and have thousands of findings
        words = "".join(lines(file)[line - 1 : line]).split()
        return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]

    for one in findings:
        file, line = one.place.file, one.place.line_for_tools
        templates = (
            dict.fromkeys(mail.template for mail in one.mails)
            or one.templates
            or users.get(file, ())
        )
        yield replace(one, templates=tuple(templates), fingerprint=fingerprint(file, line))
