"""What the checks say of the mails that are looked at: found out after one was drawn, kept until its files change."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.fingerprints import Fingerprint
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.jinja.broken_templates import explain_samples
from keyturn.emails.lint.limits import limit_finding
from keyturn.emails.studio.checks.in_browser import InBrowser
from keyturn.emails.studio.checks.known_findings import KnownFindings
from keyturn.emails.studio.checks.report import Report
from keyturn.emails.studio.rendering.drawing import Order
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.rendering.rendition import Rendition, Renditions
from keyturn.emails.studio.view import View
from keyturn.emails.workers import LimitExceeded

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.measurements import Noticed

_Mail = tuple[str, View]
"""A template, and what of a view says which mail it is."""


class Checks:
    """Has mails checked, one at a time, and keeps what was found.

    `clients` are groups of mail clients, `severity` says by rule or group how severe a finding is. What is `known` of
    them does not count.
    """

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
        self._known: Kept[_Mail, Report] = Kept()
        self.in_browser = InBrowser(renditions.gallery, self._severity)
        self._baseline = known or KnownFindings(renditions.gallery, None)
        self._explored: Kept[str, None] = Kept()
        self._one_at_a_time = threading.Lock()

    def last_report(self, rendition: Rendition) -> Report | None:
        """Return what was found last, also if a file has changed since; None where nobody has looked yet."""
        mail = rendition.template, rendition.view
        known = self._known.get(mail)
        if known is None:
            return None
        report = known.and_also(self.in_browser.findings(mail))
        counting, in_baseline = self._baseline.split(report.findings)
        return replace(report, findings=counting, in_baseline=in_baseline)

    def notice(self, rendition: Rendition, noticed: Sequence["Noticed"], others: Sequence[Finding]) -> list["Noticed"]:
        """Keep what a browser has found in a mail, and what its images weigh; return what of the former counts."""
        return self.in_browser.keep((rendition.template, rendition.view), noticed, others)

    def check(self, rendition: Rendition) -> bool:
        """Check a mail; return False where nothing has changed since it was checked.

        Of those that nobody has written, edited, made up, or for another brand, only the last one of a sample is kept:
        every letter that is typed makes another.
        """
        mail = rendition.template, rendition.view
        with self._one_at_a_time:
            if rendition.is_empty or not self._known.is_new(mail, rendition.fingerprint):
                return False
            written = _as_written(rendition.view)
            if rendition.view != written:
                self._known.forget(
                    [
                        (template, view)
                        for (template, view), _ in self._known.items()
                        if template == rendition.template and view != written == _as_written(view)
                    ]
                )
            with self._gallery.one_look():
                if not rendition.exceeded:
                    self._explore(rendition.template, rendition.fingerprint)
                self._examine(rendition)
            return True

    def _explore(self, template: str, fingerprint: Fingerprint) -> None:
        """Find the branches of a template, where something has changed since they were found."""
        if self._explored.is_new(template, fingerprint):
            self._gallery.branches(template)
            self._explored.put(template, None, fingerprint)

    def _examine(self, rendition: Rendition) -> None:
        report = self._report(rendition.order) if rendition.order else _unreadable(rendition, self._gallery)
        self._known.put((rendition.template, rendition.view), report, rendition.fingerprint)

    def _report(self, order: Order) -> Report:
        # The checks take longer to load than the studio, and nobody waits for them before the first mail is drawn.
        from keyturn.emails.studio.checks.examiner import examine

        try:
            return self._renditions.runner.run(examine, order, self._clients, self._severity)
        except LimitExceeded as exceeded:
            return Report((limit_finding(exceeded.limit, Place(order.files.markup)),))


def _unreadable(rendition: Rendition, gallery: Gallery) -> Report:
    error = rendition.unreadable
    faults = (error, *error.others) if error else ()
    return Report(tuple(explain_samples(one, gallery.folders).finding for one in faults))


def _as_written(view: View) -> View:
    return View(sample=view.sample, lang=view.lang)
