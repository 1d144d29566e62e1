"""Findings in the shown mails and, template by template, in the whole folder; kept until the files change.

`lint.examination.examine` counts those of the folder. So the list, the page of all findings and `check` always agree.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from time import monotonic

from msgspec import structs

from keyturn.studio.gallery import Entry, Gallery
from keyturn.studio.gallery.branches.exploration import MOST_SAMPLES
from keyturn.studio.gallery.gallery import Fingerprint, fingerprints
from keyturn.studio.lint.browser.measurements import Noticed
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.checks_in_renderers import check_within_limits
from keyturn.studio.lint.clients.clients import Clients
from keyturn.studio.lint.examination import (
    ENOUGH,
    Examination,
    MailFinding,
    TemplateChecks,
    TemplateFindings,
    examine,
)
from keyturn.studio.lint.finding import Finding, Place, Tally, limit_finding
from keyturn.studio.lint.source.broken_templates import explain_samples
from keyturn.studio.renderers import LimitExceeded, Limits, Runner
from keyturn.studio.web.checks.mail_checks import examine_mail
from keyturn.studio.web.checks.reports import InBrowser, KnownFindings, MailReport
from keyturn.studio.web.rendering.kept import Kept
from keyturn.studio.web.rendering.rendition import Drawer, Order, Rendition, Renditions
from keyturn.studio.web.studio import Studio
from keyturn.studio.web.view import View

_MOMENT = 0.1
"""Seconds of one round. Between two rounds a save gets its turn."""

_BESIDE = 10
"""Seconds for work that belongs to no single mail: loading the checks, reading samples and files."""

_SHARE = 5
"""While mails are being checked, summing up takes one part in this many of the time."""


@dataclass(frozen=True)
class FolderFindings:
    """The known findings in a folder. `waiting`: templates still to check. `trouble`: a fault of the baseline."""

    examination: Examination | None = None
    waiting: int = 0
    checked: bool = False
    trouble: str = ""

    @property
    def found(self) -> tuple[MailFinding, ...]:
        return self.examination.found if self.examination else ()

    @cached_property
    def tally(self) -> Tally:
        return self.examination.tally if self.examination else Tally()

    @cached_property
    def tallies(self) -> Mapping[str, Tally]:
        """The count of each template: of its mails, and of the files that it shares."""
        by_template: dict[str, list[Finding]] = {}
        for located in self.found:
            for template in located.templates:
                by_template.setdefault(template, []).append(located.finding)
        return {template: Tally.of(findings) for template, findings in by_template.items()}

    def of_branches(self, entry: Entry, languages: Collection[str]) -> Mapping[str, Tally]:
        """Return the count of each branch of a template: findings that none of the template's samples has."""
        endings = ["", *(f" {language}" for language in languages)]
        own = {f"{entry.name}/{sample}{ending}" for sample in entry.samples for ending in endings}
        of_branches = [one for one in self.found if entry.name in one.templates and own.isdisjoint(one.mails)]
        return {
            branch: Tally.of(
                one.finding
                for one in of_branches
                if not {f"{entry.name}/{branch}{ending}" for ending in endings}.isdisjoint(one.mails)
            )
            for branch in entry.branches
        }


class FolderChecks:
    """Has templates checked, one at a time, while pages ask for it. `last`: the findings at the latest request."""

    def __init__(self, studio: Studio, runner: Runner[Drawer], in_browser: InBrowser, known: KnownFindings) -> None:
        self.known = known
        self.last = FolderFindings()
        self._studio = studio
        self._gallery = studio.gallery
        self._runner = runner
        self._in_browser = in_browser
        self._found: Kept[str, TemplateFindings] = Kept()
        self._put_together: tuple[object, ...] = ()
        self._again_at = 0.0
        self._one_at_a_time = threading.Lock()

    def check_more(self) -> bool:
        """Check some new templates; return whether any are left.

        A page asks again while it is open, so only requested checks run. A template that changes after its fingerprint
        was taken is new again next time. Until then its earlier findings stay.
        """
        with self._one_at_a_time:
            began = monotonic()
            states = fingerprints(self._gallery)
            with self._gallery.one_look():
                entries = {entry.name: entry for entry in self._gallery.entries()}
                waiting = [name for name in entries if self._found.is_new(name, states.get(name))]
                self._found.forget([name for name, _ in self._found.items() if name not in entries])
                until = monotonic() + max(_MOMENT, monotonic() - began)  # looking at a large folder takes as long
                while waiting:
                    name = waiting.pop(0)
                    self._found.put(name, self._check(entries[name]), states.get(name))
                    if monotonic() > until:
                        break
                self._put_all_together(entries, waiting)
        return bool(waiting)

    def _check(self, entry: Entry) -> TemplateFindings:
        self._gallery.branches(entry.name)  # so that the list shows them
        seconds = self._studio.limits.seconds * self._mails_of(entry, MOST_SAMPLES + 1 + ENOUGH) + _BESIDE
        run = partial(self._runner.run_for, seconds, _check_template, entry.name, self._studio.clients)
        in_full, briefly = (
            partial(run, self._studio.limits, check) for check in (TemplateChecks.check, TemplateChecks.check_briefly)
        )
        try:
            return check_within_limits(in_full, briefly, self._gallery, entry.name)
        except LookupError:  # deleted since
            return TemplateFindings(())

    def _put_all_together(self, entries: Mapping[str, Entry], waiting: Sequence[str]) -> None:
        """Update `last` if the findings have changed and the last update was not a moment ago."""
        known = self._found.revision, not waiting, self.known.state, self._in_browser.revision
        if known == self._put_together or (waiting and monotonic() < self._again_at):
            last = self.last
        else:
            began = monotonic()
            last = FolderFindings(self._examination(entries, complete=not waiting))
            self._put_together, self._again_at = known, began + (monotonic() - began) * (_SHARE + 1)
        self.last = FolderFindings(last.examination, len(waiting), checked=True, trouble=self.known.trouble)

    def _examination(self, entries: Mapping[str, Entry], *, complete: bool) -> Examination:
        def known(_: TemplateChecks, names: Sequence[str]) -> Iterable[TemplateFindings]:
            unknown = TemplateFindings(())  # a template that was added since, until next time
            return [self._found.get(name) or unknown for name in names]

        examination = examine(
            self._gallery,
            (),
            severity=self._studio.severity,
            only=None if complete else {name for name, _ in self._found.items()},
            each=known,
            beside=self._from_browsers(entries),
        )
        baseline = self.known.baseline()
        return baseline.without_known(examination) if baseline else examination

    def _from_browsers(self, entries: Mapping[str, Entry]) -> Mapping[Finding, list[str]]:
        """Return the findings of browsers in existing mails, with the names that `check --browser` uses."""
        several = len(self._gallery.languages.known) > 1
        found: dict[Finding, list[str]] = {}
        for template, sample, language, findings in self._in_browser.of_samples():
            entry = entries.get(template)
            if entry and sample in (*entry.samples, *entry.branches):
                for finding in findings:
                    mail = f"{template}/{sample}" + (f" {language}" if several else "")
                    found.setdefault(finding, []).append(mail)
        return found

    def _mails_of(self, entry: Entry, branches: int) -> int:
        """Return the number of mails of a template, with `branches` more if its branches are unknown."""
        more = len(entry.branches) or (branches if self._gallery.finds_branches else 0)
        return max(1, len(entry.samples) + len(self._gallery.languages.known) - 1 + more)


def _check_template(
    drawer: Drawer,
    template: str,
    clients: tuple[str, ...],
    limits: Limits,
    check: Callable[[TemplateChecks, str], TemplateFindings],
) -> TemplateFindings:
    gallery = drawer.gallery
    with gallery.one_look():
        checks = checks_for(Clients.from_names(clients), gallery.audits)
        languages = tuple(gallery.languages.known.values())
        return check(TemplateChecks(gallery, checks, languages, limits, drawer.traced), template)


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
        return structs.replace(report, findings=counting, in_baseline=in_baseline)

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
            return self._renditions.runner.run(examine_mail, order, self._clients, self._severity)
        except LimitExceeded as exceeded:
            return MailReport((limit_finding(exceeded.limit, Place(order.files.markup)),))


def _unreadable(rendition: Rendition, gallery: Gallery) -> MailReport:
    error = rendition.unreadable
    faults = (error, *error.others) if error else ()
    return MailReport(tuple(explain_samples(fault, gallery).finding for fault in faults))
