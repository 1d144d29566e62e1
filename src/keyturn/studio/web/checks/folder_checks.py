"""The report on the whole folder, made template by template, and kept until the files change.

`lint.check.put_together` makes it. So the list, the page of all findings and `keyturn check` always agree.
"""

import threading
from collections.abc import Iterable
from time import monotonic

from keyturn.studio.gallery import Entry
from keyturn.studio.gallery.discovery import state_of
from keyturn.studio.gallery.gallery import fingerprints
from keyturn.studio.lint.check import Part, TemplateChecks, put_together
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.checks_in_renderers import How, check_apart
from keyturn.studio.lint.report import Report
from keyturn.studio.renderers import Limits, Runner
from keyturn.studio.web.checks.mail_checks import without_known
from keyturn.studio.web.rendering.latest_values import LatestValues
from keyturn.studio.web.rendering.rendition import MailRenderer
from keyturn.studio.web.studio import Studio

_MOMENT = 0.1
"""Seconds of one round. Between two rounds a save gets its turn."""

_SHARE = 5
"""While mails are being checked, summing up takes one part in this many of the time."""


class FolderChecks:
    """Has templates checked, one at a time, while pages ask for it.

    `last`: the report at the latest request, and `waiting`: the number of templates that were still to check; None
    before the first request. `trouble`: why the baseline cannot be read.
    """

    def __init__(self, studio: Studio, runner: Runner[MailRenderer]) -> None:
        self.last = Report()
        self.waiting: int | None = None
        self.trouble = ""
        self._studio = studio
        self._gallery = studio.gallery
        self._runner = runner
        self._parts: LatestValues[str, Part] = LatestValues()
        self._put_together: tuple[object, ...] = ()
        self._again_at = 0.0
        self._one_at_a_time = threading.Lock()

    def check_more(self) -> bool:
        """Check some new templates; return whether any are left.

        A page asks again while it is open, so only requested checks run.
        """
        with self._one_at_a_time:
            began = monotonic()
            states = fingerprints(self._gallery)
            with self._gallery.one_look():
                entries = {entry.name: entry for entry in self._gallery.entries()}
                files = {name: states.get(name) for name in entries}
                seconds = max(_MOMENT, monotonic() - began)  # looking at a large folder takes as long
                waiting = self._parts.renew(files, lambda name: self._check(entries[name]), seconds)
                self._put_all_together(entries, are_all=not waiting)
            self.waiting = waiting
        return waiting > 0

    def _check(self, entry: Entry) -> Part:
        self._gallery.branches(entry.name)  # so that the list shows them
        limits, clients = self._studio.limits, self._studio.clients

        def run(seconds: float, how: How) -> Part:
            return self._runner.run_for(seconds, _check_template, entry.name, clients, limits, how)

        try:
            return check_apart(run, self._gallery, entry, limits)
        except LookupError:  # deleted since
            return Part()

    def _put_all_together(self, names: Iterable[str], *, are_all: bool) -> None:
        """Update `last` if the findings have changed and the last update was not a moment ago."""
        began, baseline = monotonic(), self._studio.baseline
        state = self._parts.revision, are_all, baseline and state_of(str(baseline))
        if state == self._put_together or (began < self._again_at and not are_all):
            return
        known, languages = dict(self._parts.items()), tuple(self._gallery.languages.known.values())
        parts = {name: known[name] for name in names if name in known}
        report = put_together(self._gallery, parts, languages, self._studio.severity, are_all=are_all)
        self.last, self.trouble = without_known(report, baseline)
        self._put_together, self._again_at = state, began + (monotonic() - began) * (_SHARE + 1)


def _check_template(renderer: MailRenderer, template: str, clients: tuple[str, ...], limits: Limits, how: How) -> Part:
    gallery = renderer.gallery
    with gallery.one_look():
        checks = checks_for(clients, gallery.audits)
        languages = tuple(gallery.languages.known.values())
        return how(TemplateChecks(gallery, checks, languages, limits, renderer.traced), template)
