"""Findings in the mails that are shown: made after a mail was drawn, kept until its files change."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.fingerprints import Fingerprint
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.limits import limit_finding
from keyturn.emails.lint.source.broken_templates import explain_samples
from keyturn.emails.renderers import LimitExceeded
from keyturn.emails.studio.checks.reports import InBrowser, KnownFindings, MailReport
from keyturn.emails.studio.rendering.drawing import Order
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.rendering.rendition import Rendition, Renditions
from keyturn.emails.studio.view import View

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.measurements import Noticed

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

    def notice(self, rendition: Rendition, noticed: Sequence["Noticed"], others: Sequence[Finding]) -> list["Noticed"]:
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
        # The checks take longer to load than the studio, which shows the first mail without them.
        from keyturn.emails.studio.checks.examiner import examine

        try:
            return self._renditions.runner.run(examine, order, self._clients, self._severity)
        except LimitExceeded as exceeded:
            return MailReport((limit_finding(exceeded.limit, Place(order.files.markup)),))


def _unreadable(rendition: Rendition, gallery: Gallery) -> MailReport:
    error = rendition.unreadable
    faults = (error, *error.others) if error else ()
    return MailReport(tuple(explain_samples(fault, gallery.folders).finding for fault in faults))
