"""A baseline: the findings that a folder had at one time, so that later checks report only new ones.

A finding is recognised by its rule, its file and the text of its line. Of equal ones, one more than before is new.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec.structs import replace

from keyturn.errors import KeyturnError
from keyturn.plain_files import read_plain_file, replace_file

if TYPE_CHECKING:  # the commands need only the name of the file, without loading the checks
    from keyturn.studio.lint.finding import Finding
    from keyturn.studio.lint.report import Report

NAME = "keyturn-baseline.json"
_LARGEST = 50_000_000  # In bytes. An entry has about 30.
_Key = tuple[str, str, str]


class BaselineInvalid(KeyturnError):
    """A baseline cannot be read or written; the message is a sentence for a person."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts findings by file, rule and fingerprint."""

    version: Literal[1] = 1
    findings: dict[str, dict[str, dict[str, int]]] = {}

    @classmethod
    def of(cls, report: "Report") -> "Baseline":
        findings: dict[str, dict[str, dict[str, int]]] = {}
        for (file, rule, fingerprint), count in sorted(Counter(map(_key, report.found)).items()):
            findings.setdefault(file, {}).setdefault(rule, {})[fingerprint] = count
        return cls(findings=findings)

    def without_known(self, report: "Report") -> "Report":
        """Return the report, in which known findings do not count. Of equal findings, the first ones are known."""
        left = Counter(self._counts())
        marked: list[Finding] = []
        for finding in report.findings:
            is_known = not finding.reason and left[_key(finding)] > 0
            left[_key(finding)] -= is_known
            marked.append(replace(finding, known=True) if is_known else finding)
        return report.with_findings(marked)

    @property
    def count(self) -> int:
        return sum(self._counts().values())

    def _counts(self) -> dict[_Key, int]:
        return {
            (file, rule, fingerprint): count
            for file, by_rule in self.findings.items()
            for rule, by_fingerprint in by_rule.items()
            for fingerprint, count in by_fingerprint.items()
        }


def read_baseline(file: Path) -> Baseline:
    try:
        content = read_plain_file(file, _LARGEST)
    except OSError as error:
        raise BaselineInvalid(f"the baseline {file} cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(content, type=Baseline)
    except msgspec.DecodeError as error:
        raise BaselineInvalid(f"{file} is not a baseline: {error}; create one with --write-baseline") from error


def write_baseline(file: Path, baseline: Baseline) -> None:
    try:
        replace_file(file, msgspec.json.format(msgspec.json.encode(baseline), indent=1) + b"\n")
    except OSError as error:
        raise BaselineInvalid(f"the baseline {file} cannot be written: {error.strerror}") from error


def _key(finding: "Finding") -> _Key:
    return finding.place.file, finding.rule, finding.fingerprint
