"""What is wrong with a mail, where in its templates, and what to do about it; and the rules that say so."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""


def worst_down_to(severity: str) -> tuple[Severity, ...]:
    """Return the severities from the worst one to this one; none where it is no severity."""
    return SEVERITIES[: SEVERITIES.index(severity) + 1] if severity in SEVERITIES else ()


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a template. `file` is relative to the templates' folder; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Return where a character stands, both counted from 1."""
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


class ClientGap(msgspec.Struct, frozen=True):
    """A mail client, as Can I email names it ("outlook/windows"), that lacks a feature or has a part of it."""

    client: str
    support: Literal["no", "partial"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: it is made by its `Rule`. Equal findings, from several samples, are one.

    `rule` is stable, "group/what-is-wrong"; `message` says what is wrong and `fix` what to do about it, each in
    one sentence or two. None of them holds what only this sample or this sender brings, where it can be avoided.
    `feature` is Can I email's name for what the `clients` lack; other findings have neither. `widths` are those that a
    browser found it at, in CSS pixels; none where it was found without one.
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
    """The rules of one group that a module declares, each by its name without the group.

    A rule that is not declared raises KeyError where a finding would be made with it. `rules.rules()` lists all.
    """

    def __init__(self, group: str, *names: str) -> None:
        self.group = group
        self._rules = {name: Rule(f"{group}/{name}") for name in names}

    def __getitem__(self, name: str) -> Rule:
        return self._rules[name]

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())
