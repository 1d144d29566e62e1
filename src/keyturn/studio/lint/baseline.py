"""A baseline: the findings that a folder had at one time, each by its rule, its file and the text
of its line.
"""

from copy import deepcopy
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec.structs import replace

from keyturn.errors import KeyturnError
from keyturn.plain_files import read_plain_file, replace_file

if TYPE_CHECKING:  # the commands need only the name of the file, without loading the checks
    from keyturn.studio.lint.report import Report

NAME = "keyturn-baseline.json"
_LARGEST = 50_000_000  # In bytes. An entry has about 30.
_FILED_UNDER = attrgetter("place.file", "rule", "fingerprint")
_Counts = dict[str, dict[str, dict[str, int]]]
"""The number of findings, by file, rule and fingerprint."""


class BaselineInvalid(KeyturnError):
    """A baseline cannot be read or written; the message is a sentence for a person."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of findings by file, rule and fingerprint."""

    version: Literal[1] = 1
    findings: _Counts = {}

    @classmethod
    def of(cls, report: "Report") -> "Baseline":
        counts: _Counts = {}
        for finding in sorted(report.found, key=_FILED_UNDER):
            lines = counts.setdefault(finding.place.file, {}).setdefault(finding.rule, {})
            lines[finding.fingerprint] = lines.get(finding.fingerprint, 0) + 1
        return cls(findings=counts)

    def without_known(self, report: "Report") -> "Report":
        """Return the report, in which known findings do not count.

        Of equal findings, the first ones are known.
        """
        left = deepcopy(self.findings)
        marked = []
        for finding in report.findings:
            lines = left.get(finding.place.file, {}).get(finding.rule, {})
            # A finding that a comment ignores leaves the entry to another one.
            is_known = not finding.reason and lines.get(finding.fingerprint, 0) > 0
            if is_known:
                lines[finding.fingerprint] -= 1
                marked.append(replace(finding, known=True))
            else:
                marked.append(finding)
        return report.with_findings(marked)

    @property
    def count(self) -> int:
        count = 0
        for by_rule in self.findings.values():
            for lines in by_rule.values():
                count += sum(lines.values())
        return count


def read_baseline(file: Path) -> Baseline:
    try:
        content = read_plain_file(file, _LARGEST)
    except OSError as error:
        raise BaselineInvalid(f"the baseline {file} cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(content, type=Baseline)
    except msgspec.DecodeError as error:
        raise BaselineInvalid(
            f"{file} is not a baseline: {error}; create one with --write-baseline"
        ) from error


def write_baseline(file: Path, baseline: Baseline) -> None:
    try:
        replace_file(file, msgspec.json.format(msgspec.json.encode(baseline), indent=1) + b"\n")
    except OSError as error:
        raise BaselineInvalid(f"the baseline {file} cannot be written: {error.strerror}") from error
