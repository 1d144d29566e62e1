"""What the checks found in a mail, as the studio shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.tally import Tally

if TYPE_CHECKING:
    from keyturn.emails.lint.checks.safety import AuditItem  # loads the checks, and the studio starts without them


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a mail, in the order of the places.

    `audit` is empty for all but reset mails. `unchecked` says why a part of the mail was not checked. What is
    `in_baseline` does not count.
    """

    findings: tuple[Finding, ...]
    audit: tuple["AuditItem", ...] = ()
    unchecked: str = ""
    in_baseline: tuple[Finding, ...] = ()

    def and_also(self, findings: Iterable[Finding]) -> "Report":
        """Return the report with what was found elsewhere, each finding once."""
        return replace(self, findings=tuple(dict.fromkeys((*self.findings, *findings))))

    @property
    def tally(self) -> Tally:
        return Tally.of(self.findings)

    @property
    def to_mend(self) -> list[Finding]:
        """Errors, then warnings."""
        return [*self._of("error"), *self._of("warning")]

    @property
    def notes(self) -> list[Finding]:
        return self._of("note")

    def _of(self, severity: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == severity]
