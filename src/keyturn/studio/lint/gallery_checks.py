"""Checks the mails of a folder, and makes the report of what was found in its templates."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache

from msgspec.structs import replace

from keyturn.mail.languages.language import Language
from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.checks.unused_styles import unused_in_all
from keyturn.studio.lint.document import Check
from keyturn.studio.lint.finding import Finding, merge
from keyturn.studio.lint.ignore_comments import IgnoreComments
from keyturn.studio.lint.mail_checks import CHECKS
from keyturn.studio.lint.report import Report, at_severities
from keyturn.studio.lint.source.origins import going_on
from keyturn.studio.lint.source.other_engines import one_for_each_engine
from keyturn.studio.lint.source.translations import findings_on_texts
from keyturn.studio.lint.template_checks import TemplateChecks, TemplateResult
from keyturn.studio.renderers.limits import Limits

_Results = Mapping[str, TemplateResult]
"""Results by the names of their templates."""

_Users = Mapping[str, Collection[str]]
"""Templates by the names of their files."""

ChecksTemplates = Callable[[TemplateChecks, Sequence[str]], Iterable[TemplateResult]]
"""Returns the results of templates in the order of their names."""


def _check_here(checks: TemplateChecks, names: Sequence[str]) -> Iterable[TemplateResult]:
    return map(checks.check, names)


def check_gallery(
    gallery: Gallery,
    checks: Iterable[Check] = CHECKS,
    languages: Iterable[Language] | None = None,
    *,
    severity: Mapping[str, str] = {},
    only: Collection[str] | None = None,
    limits: Limits | None = None,
    each: ChecksTemplates = _check_here,
) -> Report:
    """Check all templates, or `only` these.

    `languages`: by default all. `severity`: what a team sets for rules and groups. `each`: checks
    the templates, by default in this process.
    """
    if languages is None:
        languages = gallery.languages.known.values()
    languages = tuple(languages)
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
    ignoring = IgnoreComments(text)
    findings: list[Finding] = []
    # Comments are asked before severities: one on a rule that is off is still used.
    for finding in merge(_all_findings(gallery, results, languages)):
        findings.append(replace(finding, reason=ignoring.reason(finding)))
    seen: Sequence[str] = ()
    if are_all:
        unseen = _unseen_files(results, files)
        seen = [file for file in users if file not in unseen]
    findings += ignoring.mistakes(users)
    findings += ignoring.unused(seen)
    # Before the findings of an engine become one, so that a rule that is off hides no others; and
    # again, since some of them get another rule then.
    findings = at_severities(findings, severity)
    complete = _complete(one_for_each_engine(findings, text), users, text)
    mails = sum(result.mails for result in results.values())
    report = Report(tuple(complete), templates=len(results), mails=mails)
    return report.with_severities(severity)


def _all_findings(
    gallery: Gallery, results: _Results, languages: Sequence[Language]
) -> list[Finding]:
    """Return the findings of the templates, then those that only several templates show."""
    findings: list[Finding] = []
    for result in results.values():
        findings += result.findings
    texts = {name: result.texts for name, result in results.items()}
    findings += findings_on_texts(gallery, texts, languages)
    findings += _unused_styles(gallery, results)
    return findings


def _unused_styles(gallery: Gallery, results: _Results) -> Iterable[Finding]:
    unused = {}
    for name, result in results.items():
        if result.is_whole and result.unused:
            unused[name] = result.unused
    if not unused:
        return ()
    return unused_in_all(unused, _users({name: gallery.files_of(name) for name in gallery.names()}))


def _unseen_files(results: _Results, files: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the files of which some part was not checked, which may use a comment."""
    unseen: set[str] = set()
    for name, result in results.items():
        if not result.is_whole:
            unseen.update(files[name])
    return unseen


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
    """Yield the findings with their templates and the fingerprints of their lines."""

    @cache
    def lines(file: str) -> list[str]:
        return text(file).split("\n")

    @cache  # a line may be long, and have thousands of findings
    def fingerprint(file: str, line: int) -> str:
        words = "".join(lines(file)[line - 1 : line]).split()  # whatever the indentation
        return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]

    for finding in findings:
        place = finding.place
        of_mails = dict.fromkeys(mail.template for mail in finding.mails)
        templates = of_mails or finding.templates or users.get(place.file, ())
        own = fingerprint(place.file, place.line_for_tools)
        yield replace(finding, templates=tuple(templates), fingerprint=own)
