"""What `keyturn check` says of the whole folder: found out template by template, and kept until its files change.

The findings are those of `lint.examination.examine`, and so are their numbers: the list, the page of all findings and
`check` cannot disagree.
"""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from keyturn.emails.gallery import Entry
from keyturn.emails.gallery.branches.exploration import MOST_SAMPLES
from keyturn.emails.gallery.fingerprints import fingerprints
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.limits import limit_finding
from keyturn.emails.lint.tally import Tally
from keyturn.emails.studio.checks.in_browser import InBrowser
from keyturn.emails.studio.checks.known_findings import KnownFindings
from keyturn.emails.studio.rendering.drawing import Drawer
from keyturn.emails.studio.rendering.kept import Kept
from keyturn.emails.studio.studio import Studio
from keyturn.emails.workers import LimitExceeded, Limits, Runner

if TYPE_CHECKING:  # these load the checks, and the studio starts without them
    from keyturn.emails.lint.examination import Examination, Found
    from keyturn.emails.lint.template_checks import TemplateChecks, TemplateFindings

_MOMENT = 0.1
"""Seconds. Between two moments a save gets its turn."""

_BESIDE = 10
"""Seconds for what is not one mail's: loading the checks, reading samples and files."""

_SHARE = 5
"""While mails are being checked, putting together what is known takes one part in so many of the time."""


@dataclass(frozen=True)
class FolderFindings:
    """What is known of a folder. `examination` is None before anything was checked.

    `waiting` mails are still to be looked at. `trouble` is what is wrong with the baseline.
    """

    examination: "Examination | None" = None
    waiting: int = 0
    checked: bool = False
    trouble: str = ""

    @property
    def found(self) -> "tuple[Found, ...]":
        return self.examination.found if self.examination else ()

    @cached_property
    def tally(self) -> Tally:
        return self.examination.tally if self.examination else Tally()

    @cached_property
    def tallies(self) -> Mapping[str, Tally]:
        """The count of each template: what its mails have, and what it shares."""
        by_template: dict[str, list[Finding]] = {}
        for one in self.found:
            for template in one.templates:
                by_template.setdefault(template, []).append(one.finding)
        return {template: Tally.of(findings) for template, findings in by_template.items()}

    def of_branches(self, entry: Entry, languages: Collection[str]) -> Mapping[str, Tally]:
        """Return the count of each branch of a template: what none of its samples has."""
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
    """Has templates checked, one at a time, for as long as somebody asks.

    `last` is what was known when somebody asked last.
    """

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
        """Check some of the templates that are new; return whether any is left.

        Nothing is checked that nobody waits for: a page asks again for as long as it is there. What changes after the
        fingerprints were taken is new again next time. What was found before stays until then.
        """
        with self._one_at_a_time:
            began = monotonic()
            states = fingerprints(self._gallery)
            with self._gallery.one_look():
                entries = {entry.name: entry for entry in self._gallery.entries()}
                waiting = [name for name in entries if self._found.is_new(name, states.get(name))]
                self._found.forget([name for name, _ in self._found.items() if name not in entries])
                until = monotonic() + max(_MOMENT, monotonic() - began)  # of a large folder, looking takes as long
                while waiting:
                    name = waiting.pop(0)
                    self._found.put(name, self._check(entries[name]), states.get(name))
                    if monotonic() > until:
                        break
                self._put_all_together(entries, waiting)
        return bool(waiting)

    def _check(self, entry: Entry) -> "TemplateFindings":
        # The checks take longer to load than the studio.
        from keyturn.emails.lint.template_checks import TemplateFindings

        self._gallery.branches(entry.name)  # so that the list has them
        seconds = self._studio.limits.seconds * self._mails_of(entry, MOST_SAMPLES + 1) + _BESIDE
        try:
            return self._runner.run_for(seconds, _check_template, entry.name, self._studio.clients, self._studio.limits)
        except LimitExceeded as exceeded:
            place = Place(self._gallery.files(entry.name).markup)
            return TemplateFindings(((limit_finding(exceeded.limit, place), (entry.name,)),), is_whole=False)
        except LookupError:  # gone since
            return TemplateFindings((), is_whole=False)

    def _put_all_together(self, entries: Mapping[str, Entry], waiting: Sequence[str]) -> None:
        """Make `last` of what is known, where that has changed and was not done a moment ago."""
        known = self._found.revision, not waiting, self.known.state, self._in_browser.revision
        left = sum(self._mails_of(entries[name]) for name in waiting)
        if known == self._put_together or (waiting and monotonic() < self._again_at):
            last = self.last
        else:
            began = monotonic()
            last = FolderFindings(self._examination(entries, complete=not waiting))
            self._put_together, self._again_at = known, began + (monotonic() - began) * (_SHARE + 1)
        self.last = FolderFindings(last.examination, left, checked=True, trouble=self.known.trouble)

    def _examination(self, entries: Mapping[str, Entry], *, complete: bool) -> "Examination":
        from keyturn.emails.lint.examination import examine
        from keyturn.emails.lint.suppression.severities import Severities
        from keyturn.emails.lint.template_checks import TemplateFindings

        def known(_: "TemplateChecks", names: Sequence[str]) -> "Iterable[TemplateFindings]":
            unknown = TemplateFindings((), is_whole=False)  # of one that has come since, until next time
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
        """Return what browsers have found in the mails that there are, as `check --browser` names them."""
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
        """Return how many mails there are of a template, with so many branches where nobody has looked for them."""
        more = len(entry.branches) or (branches if self._gallery.finds_branches else 0)
        return max(1, len(entry.samples) + len(self._gallery.languages.known) - 1 + more)


def _check_template(drawer: Drawer, template: str, clients: tuple[str, ...], limits: Limits) -> "TemplateFindings":
    from keyturn.emails.lint.checks import checks_for
    from keyturn.emails.lint.clients.clients import Clients
    from keyturn.emails.lint.template_checks import TemplateChecks

    gallery = drawer.gallery
    with gallery.one_look():
        checks = checks_for(Clients.from_names(clients), gallery.audits)
        return TemplateChecks(gallery, checks, tuple(gallery.languages.known.values()), limits).check(template)
