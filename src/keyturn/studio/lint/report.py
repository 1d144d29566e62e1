"""What the checks found: in the mails of a folder, in one mail, or in one that an app has sent."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from keyturn.studio.gallery import MailName
from keyturn.studio.lint.finding import OFF, SEVERITIES, Finding, Severity, mails_of, merge
from keyturn.studio.lint.rules import RULES


class Tally(NamedTuple):
    """Counts findings by severity, equal ones once, in however many places, mails and templates."""

    errors: int = 0
    warnings: int = 0
    notes: int = 0

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Tally":
        kinds = {finding.kind for finding in findings}
        severities = [kind.severity for kind in kinds]
        return cls(*map(severities.count, SEVERITIES))

    @property
    def by_severity(self) -> dict[Severity, int]:
        """The counts, the worst first."""
        return dict(zip(SEVERITIES, self, strict=True))

    @property
    def to_fix(self) -> dict[Severity, int]:
        """The number of errors and of warnings, without zeros. Notes need no fix."""
        counts = self.by_severity
        del counts["note"]
        return {severity: count for severity, count in counts.items() if count}

    def __str__(self) -> str:
        """Return errors and warnings in words: "2 errors, 1 warning"."""
        words = []
        for severity, count in self.to_fix.items():
            plural = "" if count == 1 else "s"
            words.append(f"{count} {severity}{plural}")
        return ", ".join(words)


class AuditItem(Struct, frozen=True):
    """A requirement on a reset mail.

    `says` names it in a few words; `finding` is set if the mail fails it.
    """

    says: str
    finding: Finding | None = None


class Report(Struct, frozen=True, dict=True):
    """What the checks found: all findings, the worst first, equal ones together, also those that do
    not count.

    `unchecked`: mails that were not seen in full, as a finding says. `audit`: of one reset mail.
    `not_checked`: why a part of one mail was not checked, as a sentence.
    """

    findings: tuple[Finding, ...] = ()
    templates: int = 1
    mails: int = 1
    unchecked: tuple[MailName, ...] = ()
    audit: tuple[AuditItem, ...] = ()
    not_checked: str = ""

    @cached_property
    def found(self) -> tuple[Finding, ...]:
        """The findings that count."""
        return tuple(one for one in self.findings if one.counts)

    @cached_property
    def ignored(self) -> tuple[Finding, ...]:
        """Those that comments ignore."""
        return tuple(one for one in self.findings if one.reason)

    @cached_property
    def in_baseline(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.known and not one.reason)

    @cached_property
    def tally(self) -> Tally:
        return Tally.of(self.found)

    @cached_property
    def tallies(self) -> Mapping[str, Tally]:
        """The count of each template: of its mails, and of the files that it shares."""
        by_template: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.found:
            for template in finding.templates:
                by_template[template].append(finding)
        return {template: Tally.of(findings) for template, findings in by_template.items()}

    @property
    def to_fix(self) -> "list[Sequence[Finding]]":
        return equal_findings(one for one in self.found if one.severity != "note")

    @property
    def notes(self) -> "list[Sequence[Finding]]":
        return equal_findings(one for one in self.found if one.severity == "note")

    def fails(self, at: str) -> bool:
        """Tell whether there is a finding of severity `at` or worse. Never for other words."""
        if at not in SEVERITIES:
            return False
        failing = SEVERITIES[: SEVERITIES.index(at) + 1]
        return any(one.severity in failing for one in self.found)

    def with_severities(self, levels: Mapping[str, Any]) -> "Report":
        """Return this with the severities that a team sets for rules and groups, without findings
        that are off.
        """
        return self.with_findings(at_severities(self.findings, levels))

    def with_rules(self, rules: Collection[str]) -> "Report":
        """Keep the findings of the named rules and groups ("mjml"); all of them without a name."""
        if not rules:
            return self
        named = [one for one in self.findings if one.rule in rules or one.group in rules]
        return replace(self, findings=tuple(named))

    def with_findings(self, findings: Iterable[Finding]) -> "Report":
        """Return this with these findings instead, put in order."""
        findings = tuple(chain.from_iterable(equal_findings(merge(findings))))
        unchecked = mails_of(one for one in findings if one.hides and one.counts)
        return replace(self, findings=findings, unchecked=tuple(unchecked))


def at_severities(findings: Iterable[Finding], levels: Mapping[str, Any]) -> list[Finding]:
    """Return findings with the severities that a team sets for rules and groups, without those
    that are off.
    """
    kept = []
    for finding in findings:
        level = levels.get(finding.rule) or levels.get(finding.group) or finding.severity
        if level != OFF:
            kept.append(replace(finding, severity=level))
    return kept


def equal_findings(findings: Iterable[Finding]) -> list[Sequence[Finding]]:
    """Group equal findings.

    The worst come first, of them those in the most mails. A group is in order of place.
    """
    equal: dict[object, list[Finding]] = defaultdict(list)
    for one in sorted(findings, key=attrgetter("place", "message")):
        equal[one.kind, one.reason].append(one)
    return sorted(equal.values(), key=_rank)


def _rank(equal: Sequence[Finding]) -> tuple[tuple[int, ...], int]:
    return RULES.rank(equal[0]), -len(mails_of(equal))
