"""Findings in the mails that are shown: made after a mail was drawn, kept until its files change."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.fingerprints import Fingerprint
from keyturn.emails.lint.browser.measurements import Noticed
from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.checks.safety import audit
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.document import Check, Document
from keyturn.emails.lint.finding import Finding, Place, limit_finding
from keyturn.emails.lint.source.broken_templates import explain, explain_samples
from keyturn.emails.lint.source.translations import find_untranslated
from keyturn.emails.lint.source.unknown_filters import find_unknown_filters
from keyturn.emails.lint.suppression import IgnoreComments, Severities, judge
from keyturn.emails.lint.template_checks import document_findings, missing_names
from keyturn.emails.renderers import LimitExceeded
from keyturn.emails.studio.checks.reports import InBrowser, KnownFindings, MailReport
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.rendering.rendition import Drawer, Order, Rendition, Renditions
from keyturn.emails.studio.view import View
from keyturn.errors import TemplateInvalid

_Mail = tuple[str, View]
"""A template, and the part of a view that identifies the mail."""


class Checks:
    """Has mails checked, one at a time, and keeps the findings. `known`: the baseline, whose findings do not count."""

    def __init__(
        self,
        renditions: Renditions,
        clients: tuple[str, ...] = (),
        severity: Mapping[str, str] | None = None,
        known: KnownFindings | None = None,
    ) -> None:
        self._renditions = renditions
        self._gallery = renditions.gallery
        self._clients = clients
        self._severity = severity or {}
        self._known: Kept[_Mail, MailReport] = Kept()
        self.in_browser = InBrowser(renditions.gallery, self._severity)
        self._baseline = known or KnownFindings(renditions.gallery, None)
        self._explored: Kept[str, None] = Kept()
        self._one_at_a_time = threading.Lock()

    def last_report(self, rendition: Rendition) -> MailReport | None:
        """Return the latest findings, also if a file has changed since; None before the first check."""
        mail = rendition.template, rendition.view
        known = self._known.get(mail)
        if known is None:
            return None
        report = known.and_also(self.in_browser.findings(mail))
        counting, in_baseline = self._baseline.split(report.findings)
        return replace(report, findings=counting, in_baseline=in_baseline)

    def notice(self, rendition: Rendition, noticed: Sequence[Noticed], others: Sequence[Finding]) -> list[Noticed]:
        """Keep the findings of a browser and the weights of images; return the findings that count."""
        return self.in_browser.keep((rendition.template, rendition.view), noticed, others)

    def check(self, rendition: Rendition) -> bool:
        """Check a mail. Return False if nothing has changed since the last check.

        Of edited, generated and branded mails, only the latest of each sample is kept: every keystroke makes another
        mail.
        """
        mail = rendition.template, rendition.view
        with self._one_at_a_time:
            if rendition.is_empty or not self._known.is_new(mail, rendition.fingerprint):
                return False
            written = rendition.view.only("sample", "lang")
            if rendition.view != written:
                self._known.forget(
                    [
                        (template, view)
                        for (template, view), _ in self._known.items()
                        if template == rendition.template and view != written == view.only("sample", "lang")
                    ]
                )
            with self._gallery.one_look():
                if not rendition.exceeded:
                    self._explore(rendition.template, rendition.fingerprint)
                self._examine(rendition)
            return True

    def _explore(self, template: str, fingerprint: Fingerprint) -> None:
        """Find the branches of a template, if a file has changed since the last search."""
        if self._explored.is_new(template, fingerprint):
            self._gallery.branches(template)
            self._explored.put(template, None, fingerprint)

    def _examine(self, rendition: Rendition) -> None:
        report = self._report(rendition.order) if rendition.order else _unreadable(rendition, self._gallery)
        self._known.put((rendition.template, rendition.view), report, rendition.fingerprint)

    def _report(self, order: Order) -> MailReport:
        try:
            return self._renditions.runner.run(examine, order, self._clients, self._severity)
        except LimitExceeded as exceeded:
            return MailReport((limit_finding(exceeded.limit, Place(order.files.markup)),))


def _unreadable(rendition: Rendition, gallery: Gallery) -> MailReport:
    error = rendition.unreadable
    faults = (error, *error.others) if error else ()
    return MailReport(tuple(explain_samples(fault, gallery.folders).finding for fault in faults))


def examine(drawer: Drawer, order: Order, clients: tuple[str, ...], severity: Mapping[str, str]) -> MailReport:
    """Return the findings in a mail; those that keep it from being drawn come first.

    `clients`: groups of mail clients, all of which exist.
    """
    gallery = drawer.gallery
    with gallery.one_look():
        checks = checks_for(_clients(clients), gallery.audits)
        document, of_mail, breaking = _of_mail(drawer, order, checks)
        of_files = {
            *find_unknown_filters(gallery, order.template),
            *find_untranslated(gallery, [order.template], [gallery.languages.choose(order.language)]),
        }
        ordered = sorted(
            breaking | of_mail | of_files,
            key=lambda finding: (finding not in breaking, finding.place, finding.rule, finding.message),
        )
        counting = _counting(gallery, order.template, ordered, Severities(severity))
        return MailReport(tuple(counting), audit(document, audits=gallery.audits) if document else ())


def _of_mail(
    drawer: Drawer, order: Order, checks: tuple[Check, ...]
) -> tuple[Document | None, set[Finding], set[Finding]]:
    """Return the mail (None if it cannot be drawn), its findings, and the findings that keep it from being sent."""
    folders = drawer.gallery.folders
    try:
        document = drawer.document(order)
    except TemplateInvalid as error:
        return None, set(), {explain(error, folders, order.sample).finding}
    findings, missing = set(document_findings(document, checks)), {*missing_names(document, folders, order.sample)}
    return (document, findings, missing) if document.html else (None, set(), findings | missing)


def _counting(
    gallery: Gallery, template: str, findings: Iterable[Finding], severities: Severities
) -> Iterator[Finding]:
    comments = IgnoreComments(gallery.source, gallery.templates.engine_name)
    yield from (judged.finding for judged in judge(findings, comments, severities) if not judged.reason)
    yield from filter(None, map(severities.apply, comments.mistakes(gallery.files_of(template))))


@cache
def _clients(groups: tuple[str, ...]) -> Clients:
    return Clients.from_names(groups)
