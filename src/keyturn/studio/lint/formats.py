"""A report as JSON, whose types docs/check.schema.json quotes, SARIF and GitHub's workflow commands
(docs/check.md).
"""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Annotated, Any, Literal
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
_AS_IT_IS = ("rule", "severity", "message", "fix", "fingerprint", "clients")
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


class ReportedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in one place, once for all mails that have it: TEMPLATE/SAMPLE, and the language."""  # noqa: E501 - docs/check.schema.json has it as one line

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
    written = CheckReport(
        **report.tally._asdict(),
        templates=report.templates,
        mails=report.mails,
        ignored=len(report.ignored),
        in_baseline=len(report.in_baseline),
        unchecked=len(report.unchecked),
        findings=tuple(
            ReportedFinding(
                **{name: getattr(one, name) for name in _AS_IT_IS},
                file=shown(one.place.file),
                line=one.place.line_for_tools,
                column=one.place.column,
                mails=tuple(map(str, one.mails)),
                feature=one.feature or None,
            )
            for one in report.found
        ),
    )
    return msgspec.json.format(msgspec.json.encode(written), indent=2).decode()


def as_sarif(report: Report, shown: Shown) -> str:
    """Return a log in SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0)."""
    rules = sorted({finding.rule for finding in report.found})
    driver = {
        "name": "keyturn",
        "version": version("keyturn"),
        "rules": [_rule(explain_rule(rule)) for rule in rules],
    }
    results = [_result(finding, rules, shown) for finding in report.found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _result(finding: Finding, rules: list[str], shown: Shown) -> Mapping[str, Any]:
    region = {"startLine": finding.place.line_for_tools, "startColumn": finding.place.column}
    gaps = {"feature": finding.feature, "clients": finding.clients} if finding.feature else {}
    location = {"artifactLocation": {"uri": quote(shown(finding.place.file))}, "region": region}
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity,
        "message": {"text": f"{finding.message} {finding.fix}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"keyturnLine/v1": finding.fingerprint},
        "properties": {"mails": [*map(str, finding.mails)], **gaps},
    }


def _rule(about: Rule) -> Mapping[str, Any]:
    """Return the description of a rule, with an example and the way to silence it as its help."""
    examples = "".join(f"\n\n{name}:\n\n```\n{text}\n```" for name, text in about.examples.items())
    return {
        "id": about.name,
        "name": "".join(
            part.capitalize() for part in re.split("[/-]", about.name)
        ),  # readable (SARIF, 3.49.7)
        "shortDescription": {"text": about.what},
        "fullDescription": {
            "text": f"{about.what} {about.why} Severity: {about.severity_in_words}."
        },
        "help": {
            "text": f"{about.fix} {about.silence}",
            "markdown": f"{about.why}\n\n{about.fix}{examples}\n\n{about.silence}",
        },
        "defaultConfiguration": {"level": about.severity},
    }


def as_github(report: Report, shown: Shown) -> str:
    """Return workflow commands
    (docs.github.com/en/actions/reference/workflow-commands-for-github-actions).
    """
    commands = []
    for one in report.found:
        at = one.place
        values = {
            "file": shown(at.file),
            "line": at.line_for_tools,
            "col": at.column,
            "title": one.rule,
        }
        written = {
            name: _data(str(value)).replace(":", "%3A").replace(",", "%2C")
            for name, value in values.items()
        }
        properties = ",".join(f"{name}={value}" for name, value in written.items())
        commands.append(
            f"::{_LEVELS[one.severity]} {properties}::{_data(f'{one.message} {one.fix}')}"
        )
    return "\n".join(commands)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
