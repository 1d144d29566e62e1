"""What the baseline of the folder knows, read again when its file changes."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.finding import Finding

if TYPE_CHECKING:
    from keyturn.emails.lint.baseline import Baseline

State = tuple[int, int] | None
"""Of the file: the time of its last change in nanoseconds, and its size in octets. None where there is no file."""


class KnownFindings:
    """Reads a baseline. `trouble` says in a sentence why it cannot be read: then nothing is known."""

    def __init__(self, gallery: Gallery, file: Path | None) -> None:
        self.file = file
        self.trouble = ""
        self._gallery = gallery
        self._read: tuple[State, Baseline | None] = None, None

    @property
    def state(self) -> State:
        try:
            found = self.file.stat() if self.file else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else None

    def baseline(self) -> "Baseline | None":
        """Return what the file holds now; None where there is none."""
        state = self.state
        if state != self._read[0]:
            self._read = state, self._open() if state else None
        return self._read[1] if state else None

    def split(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Return the findings of a mail that are new, and those that are known."""
        findings = tuple(findings)
        if not (findings and (baseline := self.baseline())):
            return findings, ()
        from keyturn.emails.lint.examination import Found, line_fingerprints

        fingerprint = line_fingerprints(self._gallery.source)
        new, known = baseline.split([Found(one, (), fingerprint(one.place)) for one in findings])
        return tuple(one.finding for one in new), tuple(one.finding for one in known)

    def _open(self) -> "Baseline | None":
        from keyturn.emails.lint.baseline import BaselineInvalid, read_baseline

        self.trouble = ""
        try:
            return read_baseline(self.file) if self.file else None
        except BaselineInvalid as invalid:
            message = str(invalid)
            self.trouble = f"{message[:1].upper()}{message[1:]}."
            return None
