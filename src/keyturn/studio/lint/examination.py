"""Runs every check on every template with every sample, and reports each finding once.

Several templates can be checked in parallel.
"""

import gc
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from itertools import chain

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages import SOURCE_LANGUAGE, Language, Text
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.branches.report import BranchReport, FolderCoverage
from keyturn.studio.gallery.branches.search import LONGEST
from keyturn.studio.gallery.rendering import Renderers
from keyturn.studio.gallery.variables.missing_names import is_failed_part
from keyturn.studio.lint.checks import CHECKS, TEXT_CHECKS
from keyturn.studio.lint.checks.unused_styles import StyleUses, unused_in_all
from keyturn.studio.lint.document import Check, Document, read_document
from keyturn.studio.lint.finding import Finding, Place, Tally, limit_finding
from keyturn.studio.lint.guard import guard
from keyturn.studio.lint.source.broken_templates import explain, explain_samples
from keyturn.studio.lint.source.corrections import places_to_correct
from keyturn.studio.lint.source.other_engines import one_for_each_engine
from keyturn.studio.lint.source.stand_ins import NO_LAYOUT, few_turns, takes_few_turns
from keyturn.studio.lint.source.translations import MarkedTexts, findings_on_texts, has_catalogues, marked_texts
from keyturn.studio.lint.source.unknown_filters import going_on, unknown_filters_in, with_lenient_origins
from keyturn.studio.lint.suppression import MARK, IgnoreComments, Judged, at_severity, judge
from keyturn.studio.renderers.limits import Limits, OutOfTime, limited_time

ENOUGH = 2
"""Mails of a template that may pass a limit before the others are skipped."""


class TemplateFindings(msgspec.Struct, frozen=True, array_like=True):
    """The findings on a template, each with its mails.

    `drawn`: the number of rendered mails. `texts`: texts of its files that are marked for translation, each with its
    first place. `branches`: without samples, or None if branches were not explored. `hiding`: the findings because of
    which the checks have not seen a mail, or not all of it. `unused`: selectors that match nothing in its mails.
    `commented`: its files that may have comments for Keyturn, or None if that is unknown.
    """

    found: tuple[tuple[Finding, tuple[str, ...]], ...]
    drawn: int = 0
    texts: tuple[tuple[Text, Place], ...] = ()
    branches: BranchReport | None = None
    hiding: tuple[Finding, ...] = ()
    unused: tuple[Finding, ...] = ()
    commented: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all checks have seen all mails."""
        return self.drawn > 0 and not self.hiding


_LIMITS = (OutOfTime, RecursionError)


class TemplateChecks:
    """Checks templates of a gallery, one by one, within the gallery's current look.

    Every sample is checked in one language, English if possible, and the first sample in all languages: mistakes in
    data show in any language, mistakes in a language with any data. Samples of branches count as samples.

    `traced`: the gallery's templates with origins, for a caller that has some.
    """

    def __init__(
        self,
        gallery: Gallery,
        checks: Iterable[Check],
        languages: Sequence[Language],
        limits: Limits | None = None,
        traced: Renderers | None = None,
    ) -> None:
        self.gallery = gallery
        self.languages = languages
        self.limits = limits or Limits()
        self._checks = tuple(checks)
        self._has_catalogues = has_catalogues(gallery)
        self._templates_for = traced or gallery.renderers(with_lenient_origins)
        self._unknown_filters = cache(lambda file: tuple(unknown_filters_in(gallery, file)))
        self._texts = cache(lambda file: marked_texts(gallery, file))
        self._has_comments = cache(lambda file: any(MARK in source for source in self._sources([file])))

    def check(self, template: str) -> TemplateFindings:
        """Return the findings on a template. A mail that takes too long is a finding; the others are still checked."""
        found: dict[Finding, list[str]] = defaultdict(list)
        try:
            with limited_time(self.limits.seconds):
                samples, hiding = self._samples(template)
                files = self.gallery.files_of(template)
                unknown = [finding for file in files for finding in self._unknown_filters(file)] if samples else []
        except _LIMITS as passed:
            limit = self._limit(template, passed)
            return TemplateFindings(((limit, (template,)),), hiding=(limit,))
        if hiding and not samples:
            return TemplateFindings(tuple((finding, (template,)) for finding in hiding), hiding=tuple(hiding))
        for finding in (*hiding, *unknown):
            found[finding].append(template)
        report, exceeded = (None, None) if hiding else self._branches(template)
        drawn = ended = 0
        styles = StyleUses()
        first: dict[tuple[str, Place, str], Finding] = {}  # what it says to do may name another sample
        for sample, language in samples_in_languages((*samples, *(report.samples if report else ())), self.languages):
            mail = f"{template}/{sample.name}" + (f" {language.tag}" if len(self.languages) > 1 else "")
            of_mail, hiding_mail = self._findings(template, sample, language, styles)
            hiding += hiding_mail
            for one in dict.fromkeys(of_mail):
                finding = first.setdefault((one.rule, one.place, one.message), one)
                if mail not in found[finding]:
                    found[finding].append(mail)
            drawn, ended = drawn + 1, ended + any(finding.group == "limits" for finding in of_mail)
            if ended >= ENOUGH:
                break
        unused: tuple[Finding, ...] = ()
        marked: list[tuple[Text, Place]] = []
        try:
            with limited_time(self.limits.seconds):
                names = {name for sample in samples for name in sample.values}
                unused = () if hiding or exceeded else tuple(styles.unused(self._sources(files), names))
                marked = list(self._marked(files))
        except _LIMITS as passed:
            exceeded = exceeded or self._limit(template, passed)
        if exceeded and not ended:  # with values of no sample
            hiding.append(exceeded)
            found[exceeded].append(template)
        told = tuple((finding, tuple(those)) for finding, those in found.items())
        branches = replace(report, samples=()) if report else None
        hides = tuple(dict.fromkeys(hiding))
        commented = tuple(filter(self._has_comments, files))
        return TemplateFindings(told, drawn, tuple(marked), branches, hides, unused, commented)

    def check_briefly(self, template: str) -> TemplateFindings:
        """Do the same for a template that has passed a limit: its loops take few turns."""
        with few_turns():
            return self.check(template)

    def _samples(self, template: str) -> tuple[tuple[Sample, ...], list[Finding]]:
        """Return the samples, or guessed values if samples cannot be read, and the findings that say so."""
        try:
            return tuple(self.gallery.samples(template).values()), []
        except TemplateInvalid as error:
            found = [explain_samples(one, self.gallery).finding for one in (error, *error.others)]
        is_drawn = template not in self.gallery.props and all(one.rule == "samples/invalid" for one in found)
        return (self.gallery.guessed_sample(template),) if is_drawn else (), found

    def _branches(self, template: str) -> tuple[BranchReport | None, Finding | None]:
        """Return the report on branches, and the finding on a limit that exploring them has passed."""
        try:
            with limited_time(LONGEST + self.limits.seconds):
                return self.gallery.branches(template), None
        except _LIMITS as passed:
            return None, self._limit(template, passed)

    def _limit(self, template: str, passed: BaseException) -> Finding:
        limit = "nesting" if isinstance(passed, RecursionError) else "time"
        return limit_finding(limit, Place(self.gallery.files(template).markup))

    def _findings(
        self, template: str, sample: Sample, language: Language, styles: StyleUses
    ) -> tuple[list[Finding], list[Finding]]:
        """Return the findings on a mail, and those that keep the checks from seeing all of it.

        Of a mail that passes a limit, or includes itself, what `few_turns` render is checked, too. Where the first try
        was cut off, MJML has mistakes that the mail has not. Within `few_turns`, each mail has turns of its own.
        """
        with few_turns() if takes_few_turns() else nullcontext():
            found, hiding, is_endless = self._findings_of_all_turns(template, sample, language, styles)
        if is_endless and not takes_few_turns():
            gc.collect()  # what the frames of the error hold
            with few_turns():
                in_few, *_ = self._findings_of_all_turns(template, sample, language, styles)
            found = [one for one in found if one.group != "mjml"] + in_few
        return found + hiding, hiding

    def _findings_of_all_turns(
        self, template: str, sample: Sample, language: Language, styles: StyleUses
    ) -> tuple[list[Finding], list[Finding], bool]:
        is_endless = False
        found: list[Finding] = []
        hiding: list[Finding] = []
        templates = self._templates_for(sample)
        try:
            with limited_time(self.limits.seconds):
                document = read_document(templates, template, sample, language)
                faults = {fault: explain(fault, self.gallery, sample).finding for fault in document.missing}
                hiding += (finding for fault, finding in faults.items() if is_failed_part(fault))
                is_endless = any(isinstance(fault.__cause__, RecursionError) for fault in faults)
                for finding in chain(faults.values(), document_findings(document, self._checks)):
                    found.append(finding)  # noqa: PERF402 - keeps the findings made before the time is over
                if self._checks:
                    styles.add(document)
                if document.refusal and not is_endless:
                    hiding += (finding for finding in found if finding.severity == "error")
        except _LIMITS as passed:
            hiding.append(self._limit(template, passed))
        except TemplateInvalid as error:
            hiding += (explain(one, self.gallery, sample).finding for one in (error, *error.others))
        return found, hiding, is_endless or any(finding.group == "limits" for finding in hiding)

    def _sources(self, files: Iterable[str]) -> Iterator[str]:
        for file in files:
            with suppress(OSError):
                yield self.gallery.source(file)

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


def missing_names(document: Document, gallery: Gallery, sample: Sample) -> Iterable[Finding]:
    return (explain(missing, gallery, sample).finding for missing in document.missing)


def document_findings(document: Document, checks: Iterable[Check]) -> Iterable[Finding]:
    """Yield the findings on a rendered mail.

    Findings on a stand-in, which only follow from the missing part, are left out: that is a finding itself.
    """
    checks = TEXT_CHECKS if document.files.is_text else checks if document.html else ()
    found = chain(guard(document) if document.is_mjml else (), *(check(document) for check in checks))
    if not document.missing:
        return found
    shown_at = {document.place(at.start()) for at in re.finditer(r"\[\[", document.markup)}
    without_layout = document.place(document.body.offset).file == NO_LAYOUT
    return (
        finding
        for finding in found
        if not (
            finding.place in shown_at
            or "[[" in finding.message
            or (without_layout and (finding.place.file == NO_LAYOUT or finding.rule in _OF_NESTING))
        )
    )


_OF_NESTING = frozenset(
    ("mjml/body-element-in-head", "mjml/head-element-in-body", "mjml/misplaced-html", "mjml/misplaced-text",
     "mjml/refused", "mjml/second-element", "mjml/unsupported-element", "mjml/wrong-parent")
)  # fmt: skip
"""Rules that say nothing about a mail whose layout is missing."""


def texts_by_file(found: Iterable[TemplateFindings]) -> list[MarkedTexts]:
    """Return the texts of all files, file by file in their order."""
    files: dict[str, dict[Text, Place]] = defaultdict(dict)
    for text, place in (one for template in found for one in template.texts):
        files[place.file].setdefault(text, place)
    return [files[file] for file in sorted(files)]


class MailFinding(Struct, frozen=True):
    """A finding and the mails that have it.

    `mails`: "template/sample", with the language if there are several; empty for findings on the templates themselves.
    `fingerprint`: that of its line (`line_fingerprints`).
    `corrects`: where the wrong word of its correction begins.
    `templates`: the templates that have it, in their own files or in shared ones.
    `reason`: why a comment ignores it, or empty.
    `hides`: because of it, the checks have not seen its mails, or not all of them.
    """

    finding: Finding
    mails: tuple[str, ...]
    fingerprint: str = ""
    templates: tuple[str, ...] = ()
    reason: str = ""
    hides: bool = False
    corrects: tuple[Place, ...] = ()


class Examination(Struct, frozen=True):
    """The findings on all mails.

    `templates` and `mails` count what was checked. `ignored`: findings that comments ignore. `in_baseline`: known
    findings. `coverage` is None if branches were not explored. `unchecked`: mails that the checks have not seen, or not
    all of, because of a finding that counts.
    """

    found: tuple[MailFinding, ...]
    templates: int
    mails: int
    ignored: tuple[MailFinding, ...] = ()
    in_baseline: tuple[MailFinding, ...] = ()
    coverage: FolderCoverage | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def tally(self) -> Tally:
        return Tally.of(one.finding for one in self.found)

    def fails(self, at: str) -> bool:
        """Tell whether there is a finding of severity `at` or worse. Never for other words."""
        return self.tally.down_to(at) > 0

    def without_known(self, new: tuple[MailFinding, ...], known: tuple[MailFinding, ...]) -> "Examination":
        """Return this with the `new` findings, without those `known` from a baseline."""
        return replace(self, found=new, in_baseline=known, unchecked=_hidden_by(new))

    def with_rules(self, rules: Sequence[str]) -> "Examination":
        """Keep the findings of the named rules and groups ("mjml")."""
        wanted = set(rules)

        def kept(found: Iterable[MailFinding]) -> tuple[MailFinding, ...]:
            return tuple(one for one in found if {one.finding.rule, one.finding.group} & wanted)

        if not wanted:
            return self
        return replace(self, found=kept(self.found), ignored=kept(self.ignored), in_baseline=kept(self.in_baseline))


ChecksTemplates = Callable[[TemplateChecks, Sequence[str]], Iterable[TemplateFindings]]
"""Checks templates, one by one or in parallel. Yields their findings in the order of the names."""


def examine(
    gallery: Gallery,
    checks: Iterable[Check] = CHECKS,
    languages: Iterable[Language] | None = None,
    *,
    severity: Mapping[str, str] = {},
    only: Collection[str] | None = None,
    limits: Limits | None = None,
    each: ChecksTemplates = lambda checks, names: map(checks.check, names),
    beside: Mapping[Finding, list[str]] | None = None,
) -> Examination:
    """Check all templates, or `only` these. The worst findings come first, equal ones follow each other.

    `beside`: findings from elsewhere with their mails, which are judged, ignored and ordered with the rest.
    """
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    gallery = going_on(gallery)
    source = cache(gallery.source)  # thousands of findings may be in one file
    with gallery.one_look():
        names = [name for name in gallery.names() if only is None or name in only]
        of_templates = list(each(TemplateChecks(gallery, checks, languages, limits), names))
        on_texts = _on_texts(gallery, names, of_templates, languages) | _on_styles(gallery, names, of_templates)
        mails = _mails_with(of_templates) | {one: [] for one in on_texts} | dict(beside or {})
        comments = IgnoreComments(source)
        judged = list(judge(mails, comments, severity))
        of_comments = _of_comments(gallery, names, of_templates, comments, are_all=only is None)
        counting = {one.finding: mails[one.declared] for one in judged if not one.reason}
        counting |= {one: [] for one in filter(None, (at_severity(one, severity) for one in of_comments))}
        ignored = {one.finding: mails[one.declared] for one in judged if one.reason}
        templates_with = TemplatesWith(names, gallery.files_of, on_texts)
        describe = _described_by(judged, of_templates, templates_with, source)
        found = _ordered(counting, describe)
        return Examination(
            found,
            len(names),
            sum(findings.drawn for findings in of_templates),
            ignored=_ordered(ignored, describe),
            coverage=_coverage(gallery, names, of_templates),
            unchecked=_hidden_by(found),
        )


_MOST_CORRECTED = 1_000
"""Findings of a file whose words are searched in it: each search reads it from its beginning."""


def _described_by(
    judged: Sequence[Judged],
    of_templates: Iterable[TemplateFindings],
    templates_with: "TemplatesWith",
    source: Callable[[str], str],
) -> Callable[[Finding, list[str]], MailFinding]:
    """Return a function that adds to a finding on some mails what else is known of it."""
    reasons = {(one.finding.rule, one.finding.place): one.reason for one in judged if one.reason}
    hiding = {finding for findings in of_templates for finding in findings.hiding}
    hides = {one.finding for one in judged if one.declared in hiding}
    fingerprint = line_fingerprints(source)
    corrected = Counter[str]()

    def describe(finding: Finding, those: list[str]) -> MailFinding:
        reason = reasons.get((finding.rule, finding.place), "")
        templates, is_hiding = templates_with(finding, those), finding in hides
        corrects: tuple[Place, ...] = ()
        if finding.correction and corrected[finding.place.file] < _MOST_CORRECTED:
            corrected[finding.place.file] += 1
            with suppress(OSError):
                corrects = places_to_correct(finding, source(finding.place.file))
        return MailFinding(finding, tuple(those), fingerprint(finding.place), templates, reason, is_hiding, corrects)

    return describe


def _hidden_by(found: Iterable[MailFinding]) -> tuple[str, ...]:
    """Return the mails that were not checked in full."""
    return tuple(dict.fromkeys(mail for one in found if one.hides for mail in one.mails))


def _ordered(
    found: Mapping[Finding, list[str]], describe: Callable[[Finding, list[str]], MailFinding]
) -> tuple[MailFinding, ...]:
    return tuple(
        chain.from_iterable(
            equal_findings(describe(finding, those) for finding, those in one_for_each_engine(found).items())
        )
    )


def _coverage(
    gallery: Gallery, names: Sequence[str], of_templates: Iterable[TemplateFindings]
) -> FolderCoverage | None:
    """Return the coverage of these templates, without files of templates that were not checked and may draw more."""
    checked = frozenset(names)
    of_others = {file for name in gallery.names() if name not in checked for file in gallery.files_of(name)}
    reports = {name: one.branches for name, one in zip(names, of_templates, strict=True) if one.branches}
    branches = {name: report.without(of_others) for name, report in reports.items()}
    return FolderCoverage.of(branches) if branches else None


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
    """Return findings on comments. A comment is unused only if all mails of its file were checked."""
    files = {name: gallery.files_of(name) for name in names}
    commented = {file for name, one in zip(names, of_templates, strict=True) for file in _commented(one, files[name])}
    of_all = [file for file in dict.fromkeys(chain.from_iterable(files.values())) if file in commented]
    unseen = {file for name, one in zip(names, of_templates, strict=True) if not one.is_whole for file in files[name]}
    seen = [file for file in of_all if file not in unseen] if are_all else ()
    return [*comments.mistakes(of_all), *comments.unused(seen)]


def _commented(findings: TemplateFindings, files: Iterable[str]) -> Iterable[str]:
    return files if findings.commented is None else findings.commented


def _on_texts(
    gallery: Gallery, names: Sequence[str], of_templates: Sequence[TemplateFindings], languages: Sequence[Language]
) -> dict[Finding, list[str]]:
    """Return findings on texts and their catalogues, each with the templates that have the text."""
    users: dict[Text, list[str]] = defaultdict(list)
    for name, found in zip(names, of_templates, strict=True):
        for text in dict.fromkeys(text for text, _ in found.texts):
            users[text].append(name)
    everybody = list(dict.fromkeys(name for those in users.values() for name in those))
    found_on = findings_on_texts(gallery, texts_by_file(of_templates), languages)
    return {finding: users.get(text, []) if text else everybody for finding, text in found_on}


def _on_styles(
    gallery: Gallery, names: Sequence[str], of_templates: Sequence[TemplateFindings]
) -> dict[Finding, list[str]]:
    """Return the findings on stylesheets, each with its templates, if all templates with the file were checked."""
    unused = {name: one.unused for name, one in zip(names, of_templates, strict=True) if one.is_whole}
    users: dict[str, set[str]] = defaultdict(set)
    if any(unused.values()):
        for name in gallery.names():
            for file in gallery.files_of(name):
                users[file].add(name)
    return unused_in_all(unused, users)


def line_fingerprints(source: Callable[[str], str]) -> Callable[[Place], str]:
    """Return a function for fingerprints of lines, which stay the same when a line is moved or indented.

    `source` returns the content of a file. If it raises OSError, lines are empty.
    """

    @cache
    def lines(file: str) -> list[str]:
        try:
            return source(file).split("\n")
        except OSError:
            return []

    @cache
    def of_line(file: str, line: int) -> str:  # once for a line, which may be long and have thousands of findings
        text = "".join(lines(file)[line - 1 : line])
        return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]

    return lambda place: of_line(place.file, place.line)


class TemplatesWith:
    """Tells which templates have a finding.

    `files_of` returns the files of a template. `of_texts`: the templates of findings on texts and catalogues, whose
    place is the same for all templates.
    """

    def __init__(
        self, names: Sequence[str], files_of: Callable[[str], Iterable[str]], of_texts: Mapping[Finding, Sequence[str]]
    ) -> None:
        self._names = names
        self._known = frozenset(names)
        self._files_of = files_of
        self._of_texts = {_without_severity(finding): those for finding, those in of_texts.items()}
        self._by_file: dict[str, list[str]] = {}

    def __call__(self, finding: Finding, mails: Iterable[str]) -> tuple[str, ...]:
        """Return the templates of these mails. Without mails, return those of the finding's text or file."""
        if those := tuple(dict.fromkeys(filter(None, map(self._template_of, mails)))):
            return those
        of_text = self._of_texts.get(_without_severity(finding))
        return tuple(of_text if of_text is not None else self._users(finding.place.file))

    def _template_of(self, mail: str) -> str:
        """Return the template in "template/sample": the longest known name, since both may contain slashes."""
        cuts = [at for at, character in enumerate(mail) if character == "/"]
        return next((name for at in (len(mail), *reversed(cuts)) if (name := mail[:at]) in self._known), "")

    def _users(self, file: str) -> list[str]:
        if not self._by_file:
            by_file: dict[str, list[str]] = defaultdict(list)
            for name in self._names:
                for one in self._files_of(name):
                    by_file[one].append(name)
            self._by_file = dict(by_file)
        return self._by_file.get(file, [])


def _without_severity(finding: Finding) -> tuple[object, ...]:
    return finding.rule, finding.message, finding.place


def equal_findings(found: "Iterable[MailFinding]") -> "list[Sequence[MailFinding]]":
    """Group equal findings, each group by place. The worst come first, of them those in the most mails."""
    equal: dict[tuple[object, ...], list[MailFinding]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (one.finding.place, one.finding.message)):
        equal[one.finding.kind, one.reason].append(one)
    return sorted(equal.values(), key=lambda those: (those[0].finding.rank, -len(mails_of(those))))


def mails_of(equal: "Iterable[MailFinding]") -> list[str]:
    return list(dict.fromkeys(mail for one in equal for mail in one.mails))
