"""Severities by rule, as a team sets them: an error that is none here, a note that fails the build there."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from keyturn.emails.lint.finding import SEVERITIES, Finding
from keyturn.emails.lint.rules import UnknownRule, expect_rules
from keyturn.errors import Fault

OFF = "off"
_CHOICES = (*SEVERITIES, OFF)


class Severities:
    """Gives findings the severity that is set for their rule ("links/relative"), else for its group ("links").

    `levels` has passed `severity_faults`.
    """

    def __init__(self, levels: Mapping[str, Any]) -> None:
        self._levels = levels

    def apply(self, finding: Finding) -> Finding | None:
        """Return the finding as severe as it counts here; None where its rule is off."""
        level = self._levels.get(finding.rule) or self._levels.get(finding.group) or finding.severity
        return None if level == OFF else replace(finding, severity=level)


AS_DECLARED = Severities({})


def severity_faults(levels: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with a table of severities by rule or group."""
    for name, level in levels.items():
        try:
            expect_rules([name])
        except UnknownRule as unknown:
            yield Fault("severity", str(unknown))
        if level not in _CHOICES:
            yield Fault(f"severity.{name}", f"is {', '.join(_CHOICES[:-1])} or {_CHOICES[-1]}, not {level!r}")
