"""A report as JSON, whose types docs/check.schema.json quotes, SARIF and GitHub's workflow commands
(docs/check.md).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from keyturn.studio.lint.explaining import explain_rule
from keyturn.studio.lint.finding import ClientGap, Finding, Severity
from keyturn.studio.lint.report import Report
from keyturn.studio.lint.rules import Rule

# Returns the path that a reader can open, from a file's name in the folder of templates.
Shown = Callable[[str], str]
Count = Annotated[int, Meta(ge=0)]
FromOne = Annotated[int, Meta(ge=1)]
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


class ReportedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake in one place, with the mails that have it: TEMPLATE/SAMPLE, and the language."""

    rule: Annotated[str, Meta(pattern="^[a-z]+/[a-z0-9-]+$")]
    severity: Severity
    message: str
    fix: str
    file: str
    line: FromOne
    column: FromOne
    fingerprint: str
    mails: tuple[str, ...]
    feature: str | None
    clients: tuple[ClientGap, ...]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `keyturn check --format json` writes. Added members do not change the version."""

    version: Literal[1] = 1
    templates: Count
    mails: Count
    errors: Count
    warnings: Count
    notes: Count
    ignored: Count
    in_baseline: Count
    unchecked: Count = 0
    findings: tuple[ReportedFinding, ...]


def as_json(report: Report, shown: Shown) -> str:
    tally = report.tally
    written = CheckReport(
        templates=report.templates,
        mails=report.mails,
        errors=tally.errors,
        warnings=tally.warnings,
        notes=tally.notes,
        ignored=len(report.ignored),
        in_baseline=len(report.in_baseline),
        unchecked=len(report.unchecked),
        findings=tuple(_reported(finding, shown) for finding in report.found),
    )
    return _indented(written)


def _reported(finding: Finding, shown: Shown) -> ReportedFinding:
    return ReportedFinding(
        rule=finding.rule,
        severity=finding.severity,
        message=finding.message,
        fix=finding.fix,
        file=shown(finding.place.file),
        line=finding.place.line_for_tools,
        column=finding.place.column,
        fingerprint=finding.fingerprint,
        mails=tuple(map(str, finding.mails)),
        feature=finding.feature or None,
        clients=finding.clients,
    )


def _indented(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


_Json = Mapping[str, object]


def as_sarif(report: Report, shown: Shown) -> str:
    """Return a log in SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0)."""
    rules = sorted({finding.rule for finding in report.found})
    driver = {
        "name": "keyturn",
        "version": version("keyturn"),
        "rules": [_sarif_rule(explain_rule(rule)) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding, rules, shown) for finding in report.found],
    }
    return _indented({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_rule(rule: Rule) -> _Json:
    """Return the description of a rule, with an example and the way to silence it as its help."""
    words = re.split("[/-]", rule.name)
    examples = ""
    for name, text in rule.examples.items():
        examples += f"\n\n{name}:\n\n```\n{text}\n```"
    in_full = f"{rule.what} {rule.why} Severity: {rule.severity_in_words}."
    help_in_markdown = f"{rule.why}\n\n{rule.fix}{examples}\n\n{rule.silence}"
    return {
        "id": rule.name,
        "name": "".join(map(str.capitalize, words)),  # readable (SARIF, 3.49.7)
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": in_full},
        "help": {"text": f"{rule.fix} {rule.silence}", "markdown": help_in_markdown},
        "defaultConfiguration": {"level": rule.severity},
    }


def _sarif_result(finding: Finding, rules: Sequence[str], shown: Shown) -> _Json:
    place = finding.place
    location = {
        "artifactLocation": {"uri": quote(shown(place.file))},
        "region": {"startLine": place.line_for_tools, "startColumn": place.column},
    }
    properties: dict[str, object] = {"mails": [*map(str, finding.mails)]}
    if finding.feature:
        properties["feature"] = finding.feature
        properties["clients"] = finding.clients
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity,
        "message": {"text": f"{finding.message} {finding.fix}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"keyturnLine/v1": finding.fingerprint},
        "properties": properties,
    }


def as_github(report: Report, shown: Shown) -> str:
    """Return workflow commands
    (docs.github.com/en/actions/reference/workflow-commands-for-github-actions).
    """
    return "\n".join(_github_command(finding, shown) for finding in report.found)


def _github_command(finding: Finding, shown: Shown) -> str:
    place = finding.place
    properties = ",".join(
        [
            f"file={_github_property(shown(place.file))}",
            f"line={place.line_for_tools}",
            f"col={place.column}",
            f"title={_github_property(finding.rule)}",
        ]
    )
    text = _github_data(f"{finding.message} {finding.fix}")
    return f"::{_COMMANDS[finding.severity]} {properties}::{text}"


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def _github_data(text: str) -> str:
    # A line break or a mark in a template's words must not begin a command of its own.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
