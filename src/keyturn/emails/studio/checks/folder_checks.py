"""The findings of `keyturn check` in the whole folder: made template by template, kept until the files change.

`lint.examination.examine` counts them. So the list, the page of all findings and `check` always agree.
"""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic

from keyturn.emails.gallery import Entry
from keyturn.emails.gallery.branches.exploration import MOST_SAMPLES
from keyturn.emails.gallery.fingerprints import fingerprints
from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.examination import Examination, MailFinding, examine
from keyturn.emails.lint.finding import Finding, Place, Tally, limit_finding
from keyturn.emails.lint.suppression import Severities
from keyturn.emails.lint.template_checks import TemplateChecks, TemplateFindings
from keyturn.emails.renderers import LimitExceeded, Limits, Runner
from keyturn.emails.studio.checks.reports import InBrowser, KnownFindings
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.rendering.rendition import Drawer
from keyturn.emails.studio.studio import Studio

_MOMENT = 0.1
"""Seconds of one round. Between two rounds a save gets its turn."""

_BESIDE = 10
"""Seconds for work that belongs to no single mail: loading the checks, reading samples and files."""

_SHARE = 5
"""While mails are being checked, summing up takes one part in this many of the time."""


@dataclass(frozen=True)
class FolderFindings:
    """The known findings in a folder. `waiting`: mails still to check. `trouble`: what is wrong with the baseline."""

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
        seconds = self._studio.limits.seconds * self._mails_of(entry, MOST_SAMPLES + 1) + _BESIDE
        try:
            return self._runner.run_for(seconds, _check_template, entry.name, self._studio.clients, self._studio.limits)
        except LimitExceeded as exceeded:
            place = Place(self._gallery.files(entry.name).markup)
            return TemplateFindings(((limit_finding(exceeded.limit, place), (entry.name,)),), is_whole=False)
        except LookupError:  # deleted since
            return TemplateFindings((), is_whole=False)

    def _put_all_together(self, entries: Mapping[str, Entry], waiting: Sequence[str]) -> None:
        """Update `last` if the findings have changed and the last update was not a moment ago."""
        known = self._found.revision, not waiting, self.known.state, self._in_browser.revision
        left = sum(self._mails_of(entries[name]) for name in waiting)
        if known == self._put_together or (waiting and monotonic() < self._again_at):
            last = self.last
        else:
            began = monotonic()
            last = FolderFindings(self._examination(entries, complete=not waiting))
            self._put_together, self._again_at = known, began + (monotonic() - began) * (_SHARE + 1)
        self.last = FolderFindings(last.examination, left, checked=True, trouble=self.known.trouble)

    def _examination(self, entries: Mapping[str, Entry], *, complete: bool) -> Examination:
        def known(_: TemplateChecks, names: Sequence[str]) -> Iterable[TemplateFindings]:
            unknown = TemplateFindings((), is_whole=False)  # a template that was added since, until next time
            return [self._found.get(name) or unknown for name in names]

        examination = examine(
            self._gallery,
            (),
            severities=Severities(self._studio.severity),
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

    def _mails_of(self, entry: Entry, branches: int = 0) -> int:
        """Return the number of mails of a template, with `branches` more if its branches are unknown."""
        more = len(entry.branches) or (branches if self._gallery.finds_branches else 0)
        return max(1, len(entry.samples) + len(self._gallery.languages.known) - 1 + more)


def _check_template(drawer: Drawer, template: str, clients: tuple[str, ...], limits: Limits) -> TemplateFindings:
    gallery = drawer.gallery
    with gallery.one_look():
        checks = checks_for(Clients.from_names(clients), gallery.audits)
        return TemplateChecks(gallery, checks, tuple(gallery.languages.known.values()), limits).check(template)
