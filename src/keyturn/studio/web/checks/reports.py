"""The reports on mails and on the folder, kept until a file changes.

`keyturn check` makes the same ones.
"""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from msgspec.structs import replace

from keyturn.errors import UnknownMail
from keyturn.studio.gallery import Entry, Gallery
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.discovery import FileState, state_of
from keyturn.studio.gallery.gallery import fingerprints
from keyturn.studio.lint.baseline import BaselineInvalid, read_baseline
from keyturn.studio.lint.checks.safety import audit
from keyturn.studio.lint.checks_in_renderers import check_apart
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.gallery_checks import put_together
from keyturn.studio.lint.mail_checks import checks_for
from keyturn.studio.lint.report import AuditItem, Report
from keyturn.studio.lint.rules import limit_finding
from keyturn.studio.lint.source.broken_templates import explain_samples
from keyturn.studio.lint.template_checks import TemplateChecks, TemplateResult
from keyturn.studio.renderers import LimitExceeded, Limits, Runner
from keyturn.studio.web.rendering.latest_values import MOMENT, LatestValues
from keyturn.studio.web.rendering.rendition import MailRenderer, Order, Rendition
from keyturn.studio.web.view import View

_IN_PART = "This mail was not checked in full: parts of it cannot be rendered."
_CALLERS_LIMITS = Limits(seconds=86_400)  # no limits of its own: the caller has some


def check_mail(
    renderer: MailRenderer, order: Order, clients: tuple[str, ...], severity: Mapping[str, str]
) -> Report:
    """Return the report on a mail. `clients`: groups of mail clients, all of which exist."""
    gallery = renderer.gallery
    documents: list[Document] = []

    def read() -> Document:
        document = renderer.document(order)
        documents.append(document)
        return document

    with gallery.one_look():
        language = gallery.languages.choose(order.language)
        checks = checks_for(clients, gallery.audits)
        checker = TemplateChecks(gallery, checks, [language], _CALLERS_LIMITS, renderer.traced)
        part = checker.check_mail(order.template, order.sample, language, read)
        report = put_together(gallery, {order.template: part}, [language], severity)
        audited: list[AuditItem] = []
        for document in documents:
            if document.mail.html:
                audited += audit(document, gallery.audits)
    return replace(report, audit=tuple(audited), not_checked="" if part.is_whole else _IN_PART)


def without_known(report: Report, baseline: Path | None) -> tuple[Report, str]:
    """Return the report, in which the findings of a baseline do not count, and why the file cannot
    be read.
    """
    if baseline is None or not baseline.exists():
        return report, ""
    try:
        known = read_baseline(baseline)
    except BaselineInvalid as invalid:
        message = str(invalid)
        return report, f"{message[:1].upper()}{message[1:]}."
    return known.without_known(report), ""


_MOST = 500  # kept reports: every keystroke in the form of the data makes another mail


class Checks:
    """Checks mails in the renderers, one at a time, and keeps the reports.

    `baseline`: a file of known findings, which do not count; None without one.
    """

    def __init__(self, gallery: Gallery, settings: StudioSettings, baseline: Path | None) -> None:
        self._gallery = gallery
        self._settings = settings
        self._baseline = baseline
        self._reports: LatestValues[tuple[str, View], Report] = LatestValues(_MOST)
        self._one_at_a_time = threading.Lock()

    def last_report(self, rendition: Rendition) -> Report | None:
        """Return the latest report, even if a file has changed since; None without a check."""
        report = self._reports.get((rendition.template, rendition.view))
        if report is None:
            return None
        report, _ = without_known(report, self._baseline)
        return report

    def check(self, rendition: Rendition) -> bool:
        """Check a mail. Return False if nothing has changed since the last check."""
        mail = (rendition.template, rendition.view)
        with self._one_at_a_time:
            if not self._reports.is_new(mail, rendition.fingerprint):
                return False
            with self._gallery.one_look():
                if not rendition.exceeded:
                    self._gallery.branches(rendition.template)  # so that the list shows them
                self._reports.put(mail, self._report(rendition), rendition.fingerprint)
            return True

    def _report(self, rendition: Rendition) -> Report:
        settings = self._settings
        order = rendition.order
        if order:
            try:
                return rendition.runner.run(check_mail, order, settings.clients, settings.severity)
            except LimitExceeded as exceeded:
                return Report((limit_finding(exceeded.limit, order.files.markup),))
        findings = []
        error = rendition.unreadable
        if error:
            for fault in (error, *error.others):
                findings.append(explain_samples(fault, self._gallery))
        return Report().with_findings(findings)


_SHARE = 5  # while mails are being checked, summing up takes one part in this many of the time


class _State(NamedTuple):
    """What a report was put together of. `baseline`: the state of its file; None without one."""

    revision: int
    are_all: bool
    baseline: FileState | None


class FolderChecks:
    """Checks templates in the renderers, one at a time, while pages ask for it.

    `last`: the report at the latest request. `waiting`: the templates that were still to check;
    None before the first.
    `trouble`: why the baseline cannot be read.
    """

    def __init__(
        self,
        gallery: Gallery,
        settings: StudioSettings,
        baseline: Path | None,
        runner: Runner[MailRenderer],
    ) -> None:
        self.last = Report()
        self.waiting: int | None = None
        self.trouble = ""
        self._gallery = gallery
        self._settings = settings
        self._baseline = baseline
        self._runner = runner
        self._results: LatestValues[str, TemplateResult] = LatestValues()
        self._put_together: _State | None = None
        self._again_at = 0.0
        self._one_at_a_time = threading.Lock()

    def check_more(self) -> bool:
        """Check some new templates; return whether any are left.

        A page asks again while it is open.
        """
        with self._one_at_a_time:
            began = monotonic()
            states = fingerprints(self._gallery)
            with self._gallery.one_look():
                entries = {entry.name: entry for entry in self._gallery.entries()}
                files = {name: states.get(name) for name in entries}

                def check(name: str) -> TemplateResult:
                    return self._check(entries[name])

                # Looking at a large folder takes as long.
                seconds = max(MOMENT, monotonic() - began)
                waiting = self._results.renew(files, check, seconds)
                self._put_all_together(entries, are_all=not waiting)
            self.waiting = waiting
        return waiting > 0

    def _check(self, entry: Entry) -> TemplateResult:
        self._gallery.branches(entry.name)  # so that the list shows them
        settings = self._settings

        def run(seconds: float) -> TemplateResult:
            return self._runner.run_for(
                seconds, _check_template, entry.name, settings.clients, settings.limits
            )

        try:
            return check_apart(run, self._gallery, entry, settings.limits)
        except UnknownMail:  # deleted since
            return TemplateResult()

    def _put_all_together(self, names: Iterable[str], *, are_all: bool) -> None:
        """Update `last` if the findings have changed and the last update was not a moment ago."""
        began = monotonic()
        of_baseline = state_of(str(self._baseline)) if self._baseline else None
        state = _State(self._results.revision, are_all, of_baseline)
        is_too_early = began < self._again_at and not are_all
        if state == self._put_together or is_too_early:
            return
        known = dict(self._results.items())
        results = {name: known[name] for name in names if name in known}
        languages = tuple(self._gallery.languages.known.values())
        severity = self._settings.severity
        report = put_together(self._gallery, results, languages, severity, are_all=are_all)
        self.last, self.trouble = without_known(report, self._baseline)
        self._put_together = state
        took = monotonic() - began
        self._again_at = began + took * (_SHARE + 1)


def _check_template(
    renderer: MailRenderer, template: str, clients: tuple[str, ...], limits: Limits
) -> TemplateResult:
    gallery = renderer.gallery
    with gallery.one_look():
        checks = checks_for(clients, gallery.audits)
        languages = tuple(gallery.languages.known.values())
        return TemplateChecks(gallery, checks, languages, limits, renderer.traced).check(template)
