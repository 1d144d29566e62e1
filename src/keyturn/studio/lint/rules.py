"""The rules of the checks: `rules.toml` has a row for each, apart from those of mail clients'
features.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from keyturn.studio.lint.finding import SEVERITIES, Finding, Place, Severity, cut

_LONGEST_TEXT = 1_000

TreeName = Literal["authored", "compiled", "mjml"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of `rules.toml`, whose head says what each field means. `name`: "links/relative"."""

    name: str
    error: str = ""
    warning: str = ""
    note: str = ""
    error_if: str = ""
    warning_if: str = ""
    note_if: str = ""
    fix: str = ""
    messages: Mapping[str, str] = {}
    fixes: Mapping[str, str] = {}
    fixes_where: Mapping[str, str] = {}
    words: Mapping[str, frozenset[str]] = {}
    what: str = ""
    why: str = ""
    bad: str = ""
    good: str = ""
    select: str = ""
    on: frozenset[TreeName] = frozenset(["authored"])
    attribute: str = ""
    value: str = ".*"
    is_stored: bool = True
    is_of_nesting: bool = False
    breaks_nesting: bool = False

    @property
    def severity(self) -> Severity:
        """The usual severity of its findings."""
        if self.error:
            return "error"
        return "warning" if self.warning else "note"

    @property
    def severities(self) -> Mapping[Severity, str]:
        """All that its findings can have, the usual one first. The others say when."""
        severities: dict[Severity, str] = {self.severity: ""}
        if self.error_if:
            severities["error"] = self.error_if
        if self.warning_if:
            severities["warning"] = self.warning_if
        if self.note_if:
            severities["note"] = self.note_if
        return severities

    @property
    def message(self) -> str:
        return self.error or self.warning or self.note

    @property
    def severity_in_words(self) -> str:
        """All severities: "warning; error if the link is a button"."""
        words = []
        for severity, when in self.severities.items():
            words.append(f"{severity} if {when}" if when else severity)
        return "; ".join(words)

    @property
    def examples(self) -> Mapping[str, str]:
        """The example by its name, without missing parts."""
        examples = {"Bad": self.bad, "Good": self.good}
        return {name: text for name, text in examples.items() if text}

    @property
    def silence(self) -> str:
        return (
            f"Write {{# keyturn: ignore {self.name} because ... #}} above the line, or set "
            f'"{self.name}" = "off".'
        )

    def fix_where(self, text: str) -> str:
        """Return the fix for the first pattern that is found in a text; empty if there is none."""
        for where, fix in self.fixes_where.items():
            if re.search(where, text, re.MULTILINE):
                return fix
        return ""


_NO_ROW = Rule(name="")


class Rules(dict[str, Rule]):
    """The rules of a file, by name: "links/relative".

    `["html mjml".cdata]` is a rule of both groups.
    """

    def __init__(self, file: Path) -> None:
        self._places: dict[str, int] = {}
        sections = tomllib.loads(file.read_text("utf-8"))
        for place, (heading, rows) in enumerate(sections.items()):
            groups = heading.split()
            self._places |= dict.fromkeys(groups, place)
            of_all = rows.pop("*", {})
            for name, row in rows.items():
                for group in groups:
                    full_name = f"{group}/{name}"
                    declared = {"name": full_name, **of_all, **row}
                    self[full_name] = msgspec.convert(declared, Rule)

    def row_of(self, finding: Finding) -> Rule:
        """Return the rule of a finding; an empty one for a feature of mail clients."""
        return self.get(finding.rule, _NO_ROW)

    def place_of(self, group: str) -> int:
        """Return the place of a group in the file; others come last."""
        return self._places.get(group, len(self))

    def rank(self, finding: Finding) -> tuple[int, ...]:
        """Return the sort key of a finding: its severity, its group, then the most clients that
        lack the feature.
        """
        lacking = sum(gap.support == "no" for gap in finding.clients)
        return SEVERITIES.index(finding.severity), self.place_of(finding.group), -lacking

    def finding(
        self,
        place: Place,
        rule: str,
        case: str = "",
        *,
        severity: Severity | None = None,
        message: str = "",
        fix: str = "",
        **words: object,
    ) -> Finding:
        """Make a finding of a rule, with its texts or these.

        Raises KeyError for an undeclared rule or severity.
        """
        declared = self[rule]
        if severity and severity not in declared.severities:
            raise KeyError(f"{rule} is declared without the severity {severity}")
        filled = {}
        for name, word in words.items():
            filled[name] = cut(word) if isinstance(word, str) else word
        if not message:
            message = declared.messages.get(case, declared.message).format(**filled)
        if not fix:
            fix = declared.fixes.get(case, declared.fix).format(**filled)
        return Finding(
            rule=rule,
            severity=severity or declared.severity,
            message=cut(message, _LONGEST_TEXT),
            fix=cut(fix, _LONGEST_TEXT),
            place=place,
        )


RULES = Rules(Path(__file__).with_name("rules.toml"))


def limit_finding(limit: str, place: Place | str, message: str = "") -> Finding:
    """Return the finding on a mail that exceeded a limit.

    `place`: a file if the line is unknown. `message`: by default that of the limit.
    """
    if isinstance(place, str):
        place = Place(place, 0)
    return RULES.finding(place, f"limits/{limit}", message=message)
