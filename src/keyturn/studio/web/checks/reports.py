"""The findings in a mail as the studio shows them: of the checks, of browsers, and without those of the baseline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.discovery import FileState, state_of
from keyturn.studio.lint.baseline import Baseline, BaselineInvalid, read_baseline
from keyturn.studio.lint.browser.measurements import Noticed
from keyturn.studio.lint.checks.safety import AuditItem
from keyturn.studio.lint.examination import MailFinding, line_fingerprints
from keyturn.studio.lint.finding import Finding, Tally
from keyturn.studio.lint.suppression import IgnoreComments, judge
from keyturn.studio.web.rendering.kept import Kept
from keyturn.studio.web.view import View


class MailReport(Struct, frozen=True):
    """The findings in a mail. `audit`: only of reset mails. `unchecked`: why a part was not checked."""

    findings: tuple[Finding, ...]
    audit: tuple[AuditItem, ...] = ()
    unchecked: str = ""
    in_baseline: tuple[Finding, ...] = ()

    def and_also(self, findings: Iterable[Finding]) -> "MailReport":
        return replace(self, findings=tuple(dict.fromkeys((*self.findings, *findings))))

    @property
    def tally(self) -> Tally:
        return Tally.of(self.findings)

    @property
    def to_mend(self) -> list[list[Finding]]:
        """Errors and warnings, equal ones together, the worst first."""
        return self._of("error", "warning")

    @property
    def notes(self) -> list[list[Finding]]:
        return self._of("note")

    def _of(self, *severities: str) -> list[list[Finding]]:
        equal: dict[object, list[Finding]] = {}
        for finding in self.findings:
            if finding.severity in severities:
                equal.setdefault(finding.kind, []).append(finding)
        return sorted(equal.values(), key=lambda those: those[0].rank)


_MOST = 2_000
"""The number of mails whose findings are kept."""

_Mail = tuple[str, View]


class InBrowser:
    """Keeps what browsers find in each mail, from the latest look. `revision` changes with the findings."""

    def __init__(self, gallery: Gallery, severity: Mapping[str, Any]) -> None:
        self._gallery = gallery
        self._severity = severity
        self._known: Kept[_Mail, tuple[tuple[Finding, ...], tuple[Finding, ...]]] = Kept(_MOST)

    @property
    def revision(self) -> int:
        return self._known.revision

    def findings(self, mail: _Mail) -> tuple[Finding, ...]:
        known = self._known.get(mail)
        return known[0] if known else ()

    def of_samples(self) -> Iterator[tuple[str, str, str, tuple[Finding, ...]]]:
        for (template, view), (_, findings) in self._known.items():
            if view == view.only("sample", "lang"):
                yield template, view.sample, view.lang, findings

    def keep(self, mail: _Mail, noticed: Sequence[Noticed], others: Sequence[Finding]) -> list[Noticed]:
        """Keep the findings that count, and return those of `noticed`, with the severities of the team."""
        findings = tuple(dict.fromkeys([*(problem.finding for problem in noticed), *others]))
        judged = self._judge(findings)
        self._known.put(mail, (tuple(dict.fromkeys(judged.values())), findings))
        counting = (problem for problem in noticed if problem.finding in judged)
        return [msgspec.structs.replace(problem, finding=judged[problem.finding]) for problem in counting]

    def _judge(self, findings: Iterable[Finding]) -> dict[Finding, Finding]:
        """Return the findings that no comment ignores and no setting turns off, by what was reported."""
        comments = IgnoreComments(self._gallery.source)
        judged = judge(findings, comments, self._severity)
        return {each.declared: each.finding for each in judged if not each.reason}


class KnownFindings:
    """Reads a baseline, again when its file changes. `trouble`: why it cannot be read; then nothing is known."""

    def __init__(self, gallery: Gallery, file: Path | None) -> None:
        self.file = file
        self.trouble = ""
        self._gallery = gallery
        self._read: tuple[FileState | None, Baseline | None] = None, None

    @property
    def state(self) -> FileState | None:
        """The state of the file, or None without one."""
        return state_of(str(self.file)) if self.file and self.file.exists() else None

    def baseline(self) -> Baseline | None:
        if (state := self.state) != self._read[0]:
            self._read = state, self._open() if state else None
        return self._read[1]

    def split(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        findings = tuple(findings)
        if not (findings and (baseline := self.baseline())):
            return findings, ()
        fingerprint = line_fingerprints(self._gallery.source)
        new, known = baseline.split([MailFinding(one, (), fingerprint(one.place)) for one in findings])
        return tuple(one.finding for one in new), tuple(one.finding for one in known)

    def _open(self) -> Baseline | None:
        self.trouble = ""
        try:
            return read_baseline(self.file) if self.file else None
        except BaselineInvalid as invalid:
            message = str(invalid)
            self.trouble = f"{message[:1].upper()}{message[1:]}."
            return None
