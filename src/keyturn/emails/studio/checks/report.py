"""What the checks found in a mail, as the studio shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from keyturn.emails.lint.finding import Finding

if TYPE_CHECKING:
    from keyturn.emails.lint.checks.safety import AuditItem  # loads the checks, and the studio starts without them


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts what has to be mended. Notes do not count: a mail may be well with all of them."""

    errors: int = 0
    warnings: int = 0

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Tally":
        severities = [finding.severity for finding in findings]
        return cls(severities.count("error"), severities.count("warning"))

    @property
    def total(self) -> int:
        return self.errors + self.warnings

    @property
    def worst(self) -> str:
        return "error" if self.errors else "warning" if self.warnings else ""

    @property
    def words(self) -> list[str]:
        counts = ((self.errors, "error"), (self.warnings, "warning"))
        return [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]

    def __str__(self) -> str:
        return ", ".join(self.words)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a mail, in the order of the places.

    `audit` is empty for all but reset mails. `unchecked` says why a part of the mail was not checked.
    """

    findings: tuple[Finding, ...]
    audit: tuple["AuditItem", ...] = ()
    unchecked: str = ""

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
