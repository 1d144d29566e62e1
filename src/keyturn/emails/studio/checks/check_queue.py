"""What the checks say of every mail: found out after a mail was drawn, and kept until one of its files changes.

The mails of its branches are mails of a template as those of its samples are, once they are found.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from keyturn.emails.gallery import Entry, Gallery
from keyturn.emails.gallery.fingerprints import Fingerprint, fingerprints
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.jinja.broken_templates import explain_samples
from keyturn.emails.lint.limits import limit_finding
from keyturn.emails.studio.checks.in_browser import InBrowser
from keyturn.emails.studio.checks.report import Report, Tally
from keyturn.emails.studio.rendering.drawing import Order
from keyturn.emails.studio.rendering.rendition import Rendition, Renditions
from keyturn.emails.studio.view import View
from keyturn.emails.workers import LimitExceeded
from keyturn.languages import Language

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.measurements import Noticed

# Seconds. Between two moments a save gets its turn.
_MOMENT = 0.1

_Mail = tuple[str, View]
"""A template, and what of a view says which mail it is."""


class Checks:
    """Has mails checked, one at a time, and keeps what was found.

    `clients` are groups of mail clients, `severity` says by rule or group how severe a finding is.
    """

    def __init__(
        self, renditions: Renditions, clients: tuple[str, ...] = (), severity: Mapping[str, str] | None = None
    ) -> None:
        self._renditions = renditions
        self._gallery = renditions.gallery
        self._clients = clients
        self._severity = severity or {}
        self._known: dict[_Mail, tuple[Fingerprint, Report]] = {}
        self._in_browser = InBrowser(renditions.gallery, self._severity)
        self._explored: dict[str, Fingerprint] = {}
        self._one_at_a_time = threading.Lock()

    def last_report(self, rendition: Rendition) -> Report | None:
        """Return what was found last, also if a file has changed since; None where nobody has looked yet."""
        mail = rendition.template, rendition.view
        known = self._known.get(mail)
        return known[1].and_also(self._in_browser.findings(mail)) if known else None

    def notice(self, rendition: Rendition, noticed: Sequence["Noticed"], others: Sequence[Finding]) -> list["Noticed"]:
        """Keep what a browser has found in a mail, and what its images weigh; return what of the former counts."""
        return self._in_browser.keep((rendition.template, rendition.view), noticed, others)

    def tallies(self, language: Language) -> Mapping[str, Tally]:
        """Return what is known of each template. What several samples have counts once."""
        found: dict[str, set[Finding]] = {}
        for mail in self._mails(language):
            if known := self._known.get(mail):
                found.setdefault(mail[0], set()).update(known[1].findings, self._in_browser.findings(mail))
        return {template: Tally.of(findings) for template, findings in found.items()}

    def branch_tallies(self, template: str, language: Language) -> Mapping[str, Tally]:
        """Return what is known of each branch of a template that none of its samples has."""
        entry = next((one for one in self._gallery.entries() if one.name == template), Entry(template, ()))
        known = {
            sample: (*found[1].findings, *self._in_browser.findings(mail))
            for sample in (*entry.samples, *entry.branches)
            if (found := self._known.get(mail := (template, View(sample=sample, lang=language.tag))))
        }
        told = {finding for sample in entry.samples for finding in known.get(sample, ())}
        return {name: Tally.of({*known[name]} - told) for name in entry.branches if name in known}

    def check(self, rendition: Rendition) -> bool:
        """Check a mail; return False where nothing has changed since it was checked.

        Of those that nobody has written, edited, made up, or for another brand, only the last one of a sample is kept:
        every letter that is typed makes another.
        """
        mail = rendition.template, rendition.view
        with self._one_at_a_time:
            if rendition.is_empty or not self._is_new(mail, rendition.fingerprint):
                return False
            written = _as_written(rendition.view)
            if rendition.view != written:
                others = (other for other in self._known if other[1] != written and other[0] == rendition.template)
                for other in [other for other in others if _as_written(other[1]) == written]:
                    del self._known[other]
            with self._gallery.one_look():
                if not rendition.exceeded:
                    self._explore(rendition.template, rendition.fingerprint)
                self._examine(rendition)
            return True

    def check_more(self, language: Language) -> bool:
        """Check some of the mails that are new; return whether any is left.

        Nothing is checked that nobody waits for: a page asks again for as long as it is there. What changes after the
        fingerprints were taken is new again next time.
        """
        until = monotonic() + _MOMENT
        with self._one_at_a_time:
            known = fingerprints(self._gallery)
            with self._gallery.one_look():
                for entry in self._gallery.entries():
                    if self._explore(entry.name, known.get(entry.name)) and monotonic() > until:
                        return True
                waiting = [mail for mail in self._mails(language) if self._is_new(mail, known.get(mail[0]))]
                for done, mail in enumerate(waiting, 1):
                    self._examine(self._renditions.rendition(*mail, known))
                    if monotonic() > until:
                        return done < len(waiting)
        return False

    def _explore(self, template: str, fingerprint: Fingerprint | None) -> bool:
        """Find the branches of a template; return False where nothing has changed since they were found."""
        if fingerprint is None or self._explored.get(template) == fingerprint:
            return False
        self._gallery.branches(template)
        self._explored[template] = fingerprint
        return True

    def _examine(self, rendition: Rendition) -> None:
        report = self._report(rendition.order) if rendition.order else _unreadable(rendition, self._gallery)
        self._known[rendition.template, rendition.view] = rendition.fingerprint, report

    def _report(self, order: Order) -> Report:
        # The checks take longer to load than the studio, and nobody waits for them before the first mail is drawn.
        from keyturn.emails.studio.checks.examiner import examine  # noqa: PLC0415

        try:
            return self._renditions.runner.run(examine, order, self._clients, self._severity)
        except LimitExceeded as exceeded:
            return Report((limit_finding(exceeded.limit, Place(order.files.markup)),))

    def _mails(self, language: Language) -> Iterator[_Mail]:
        for entry in self._gallery.entries():
            for sample in (*entry.samples, *entry.branches):
                yield entry.name, View(sample=sample, lang=language.tag)

    def _is_new(self, mail: _Mail, fingerprint: Fingerprint | None) -> bool:
        known = self._known.get(mail)
        return known is None or known[0] != fingerprint


def _unreadable(rendition: Rendition, gallery: Gallery) -> Report:
    error = rendition.unreadable
    return Report((explain_samples(error, gallery.folders).finding,) if error else ())


def _as_written(view: View) -> View:
    return View(sample=view.sample, lang=view.lang)
