"""How findings are counted: every number that says how many there are is made here."""

from collections.abc import Iterable
from dataclasses import dataclass

from keyturn.emails.lint.finding import SEVERITIES, Finding, Severity, worst_down_to


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts findings by severity, equal ones once. What is ignored, off, or in the baseline is not handed in.

    A finding is one thing at one place, however many samples, languages and branches show it. So what two templates
    share counts for both of them, and once for the folder.
    """

    errors: int = 0
    warnings: int = 0
    notes: int = 0

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Tally":
        severities = [finding.severity for finding in dict.fromkeys(findings)]
        return cls(*map(severities.count, SEVERITIES))

    @property
    def by_severity(self) -> dict[Severity, int]:
        """The counts, the worst first."""
        return dict(zip(SEVERITIES, (self.errors, self.warnings, self.notes), strict=True))

    @property
    def all(self) -> int:
        return self.errors + self.warnings + self.notes

    @property
    def to_mend(self) -> dict[Severity, int]:
        """The errors and warnings that there are. A mail may be well with all of its notes."""
        return {severity: count for severity, count in self.by_severity.items() if count and severity != "note"}

    def down_to(self, severity: str) -> int:
        """Return how many are as severe as this, or worse; none where it is no severity."""
        return sum(self.by_severity[one] for one in worst_down_to(severity))

    def __str__(self) -> str:
        """Return what has to be mended, in words."""
        return ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in self.to_mend.items())
