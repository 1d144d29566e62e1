"""The report on the whole folder, made template by template, and kept until the files change.

`lint.check.put_together` makes it. So the list, the page of all findings and `keyturn check` always agree.
"""

import threading
from collections.abc import Mapping, Sequence
from time import monotonic

from keyturn.studio.gallery import Entry
from keyturn.studio.gallery.gallery import fingerprints
from keyturn.studio.lint.check import Part, TemplateChecks, put_together
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.checks_in_renderers import How, check_apart
from keyturn.studio.lint.report import Report
from keyturn.studio.renderers import Limits, Runner
from keyturn.studio.web.checks.mail_checks import KnownFindings
from keyturn.studio.web.rendering.kept import Kept
from keyturn.studio.web.rendering.rendition import Drawer
from keyturn.studio.web.studio import Studio

_MOMENT = 0.1
"""Seconds of one round. Between two rounds a save gets its turn."""

_SHARE = 5
"""While mails are being checked, summing up takes one part in this many of the time."""


class FolderChecks:
    """Has templates checked, one at a time, while pages ask for it.

    `last`: the report at the latest request, and `waiting`: the number of templates that were still to check; None
    before the first request. `known`: the baseline.
    """

    def __init__(self, studio: Studio, runner: Runner[Drawer], known: KnownFindings) -> None:
        self.known = known
        self.last = Report()
        self.waiting: int | None = None
        self._studio = studio
        self._gallery = studio.gallery
        self._runner = runner
        self._parts: Kept[str, Part] = Kept()
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
                waiting = [name for name in entries if self._parts.is_new(name, states.get(name))]
                self._parts.forget([name for name, _ in self._parts.items() if name not in entries])
                until = monotonic() + max(_MOMENT, monotonic() - began)  # looking at a large folder takes as long
                while waiting:
                    name = waiting.pop(0)
                    self._parts.put(name, self._check(entries[name]), states.get(name))
                    if monotonic() > until:
                        break
                self._put_all_together(entries, waiting)
        return bool(waiting)

    def _check(self, entry: Entry) -> Part:
        self._gallery.branches(entry.name)  # so that the list shows them
        limits, clients = self._studio.limits, self._studio.clients

        def run(seconds: float, how: How) -> Part:
            return self._runner.run_for(seconds, _check_template, entry.name, clients, limits, how)

        try:
            return check_apart(run, self._gallery, entry, limits)
        except LookupError:  # deleted since
            return Part()

    def _put_all_together(self, entries: Mapping[str, Entry], waiting: Sequence[str]) -> None:
        """Update `last` if the findings have changed and the last update was not a moment ago."""
        known = self._parts.revision, not waiting, self.known.state
        if known != self._put_together and not (waiting and monotonic() < self._again_at):
            began = monotonic()
            self.last = self._report(entries, are_all=not waiting)
            self._put_together, self._again_at = known, began + (monotonic() - began) * (_SHARE + 1)
        self.waiting = len(waiting)

    def _report(self, entries: Mapping[str, Entry], *, are_all: bool) -> Report:
        known = dict(self._parts.items())
        parts = {name: known[name] for name in entries if name in known}
        languages = tuple(self._gallery.languages.known.values())
        severity = self._studio.severity
        report = put_together(self._gallery, parts, languages, severity, are_all=are_all)
        return self.known.mark_in(report)


def _check_template(drawer: Drawer, template: str, clients: tuple[str, ...], limits: Limits, how: How) -> Part:
    gallery = drawer.gallery
    with gallery.one_look():
        checks = checks_for(clients, gallery.audits)
        languages = tuple(gallery.languages.known.values())
        return how(TemplateChecks(gallery, checks, languages, limits, drawer.traced), template)
