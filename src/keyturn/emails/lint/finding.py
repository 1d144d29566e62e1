"""What is wrong with a mail, where in its templates and how to fix it; the rules, and how findings are counted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""


def worst_down_to(severity: str) -> tuple[Severity, ...]:
    """Return the severities from the worst to this one; an empty tuple for other words."""
    return SEVERITIES[: SEVERITIES.index(severity) + 1] if severity in SEVERITIES else ()


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a template. `file` is relative to the templates' folder; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 1."""
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


class ClientGap(msgspec.Struct, frozen=True):
    """A mail client, as Can I email names it ("outlook/windows"), that lacks a feature or has a part of it."""

    client: str
    support: Literal["no", "partial"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake in a mail, made by its `Rule`. Equal findings from several samples are one.

    `rule`: stable, "group/what-is-wrong".
    `message` says what is wrong, `fix` how to fix it, in one or two sentences each. Both avoid values of the sample.
    `feature`: Can I email's name of the feature that the `clients` lack. Other findings have neither.
    `widths`: at which a browser found it, in CSS pixels; empty for checks without a browser.
    """

    rule: str
    severity: Severity
    message: str
    fix: str
    place: Place
    feature: str = ""
    clients: tuple[ClientGap, ...] = ()
    widths: tuple[int, ...] = ()

    @property
    def group(self) -> str:
        return self.rule.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Rule:
    """Makes the findings of one kind; `name` is in full, "links/relative"."""

    name: str

    def finding(self, place: Place, severity: Severity, message: str, fix: str) -> Finding:
        return Finding(rule=self.name, severity=severity, message=message, fix=fix, place=place)


class RuleGroup:
    """Rules of one group that a module declares, by names without the group.

    An undeclared rule raises KeyError. `rules.rules()` lists all rules.
    """

    def __init__(self, group: str, *names: str) -> None:
        self.group = group
        self._rules = {name: Rule(f"{group}/{name}") for name in names}

    def __getitem__(self, name: str) -> Rule:
        return self._rules[name]

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts findings by severity, equal ones once. Ignored and known findings are left out by the caller.

    A finding counts once however many samples, languages and branches show it. One in a shared file counts for each
    template that uses it, and once for the folder.
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
        """The number of errors and of warnings, without zeros. Notes need no fix."""
        return {severity: count for severity, count in self.by_severity.items() if count and severity != "note"}

    def down_to(self, severity: str) -> int:
        """Return how many have this severity or worse; 0 for other words."""
        return sum(self.by_severity[one] for one in worst_down_to(severity))

    def __str__(self) -> str:
        """Return errors and warnings in words: "2 errors, 1 warning"."""
        return ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in self.to_mend.items())
