"""A baseline: the findings that a folder had at one time, each by its rule, its file and the text
of its line.
"""

from copy import deepcopy
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
_Counts = dict[str, dict[str, dict[str, int]]]


class BaselineInvalid(KeyturnError):
    """A baseline cannot be read or written; the message is a sentence for a person."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of findings by file, rule and fingerprint."""

    version: Literal[1] = 1
    findings: _Counts = {}

    @classmethod
    def of(cls, report: "Report") -> "Baseline":
        findings: _Counts = {}
        for file, rule, line in sorted(
            (one.place.file, one.rule, one.fingerprint) for one in report.found
        ):
            lines = findings.setdefault(file, {}).setdefault(rule, {})
            lines[line] = lines.get(line, 0) + 1
        return cls(findings=findings)

    def without_known(self, report: "Report") -> "Report":
        """Return the report, in which known findings do not count.

        Of equal findings, the first ones are known.
        """
        left, marked = deepcopy(self.findings), []
        for one in report.findings:
            lines = left.get(one.place.file, {}).get(one.rule, {})
            if is_known := not one.reason and lines.get(one.fingerprint, 0) > 0:
                lines[one.fingerprint] -= 1
            marked.append(replace(one, known=True) if is_known else one)
        return report.with_findings(marked)

    @property
    def count(self) -> int:
        return sum(
            sum(lines.values()) for by_rule in self.findings.values() for lines in by_rule.values()
        )


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
