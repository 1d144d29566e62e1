"""An examination for machines: JSON, GitHub's workflow commands, SARIF."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import msgspec

from keyturn.emails.lint.examination import Examination, Found
from keyturn.emails.lint.finding import Finding

Shown = Callable[[str], str]
"""Turns a template's name in its folder into the path that a reader can open."""

_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}
_SHOWN_AS = {"html": "HTML", "mjml": "MJML"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(examination: Examination, shown: Shown) -> str:
    return _encode(
        {
            "templates": examination.templates,
            "mails": examination.mails,
            "errors": examination.count("error"),
            "warnings": examination.count("warning"),
            "notes": examination.count("note"),
            "findings": [_fields_of(found, shown) for found in examination.found],
        }
    )


def as_github(examination: Examination, shown: Shown) -> str:
    """Return a workflow command for each finding, which GitHub shows at its line of a pull request.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    return "\n".join(_command(found, shown) for found in examination.found)


def as_sarif(examination: Examination, shown: Shown) -> str:
    """Return a log in SARIF 2.1.0, which code scanning services read."""
    first = {found.finding.rule: found.finding for found in reversed(examination.found)}
    rules = sorted(first)
    driver = {"name": "keyturn", "version": version("keyturn"), "rules": [_rule(first[rule]) for rule in rules]}
    results = [_result(found, rules, shown) for found in examination.found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return _encode({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _fields_of(found: Found, shown: Shown) -> Mapping[str, Any]:
    finding = found.finding
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "way_out": finding.fix,
        "file": shown(finding.place.file),
        "line": finding.place.line,
        "column": finding.place.column,
        "mails": found.mails,
    }


def _command(found: Found, shown: Shown) -> str:
    finding = found.finding
    values = {
        "file": shown(finding.place.file),
        "line": finding.place.line,
        "col": finding.place.column,
        "title": finding.rule,
    }
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in values.items())
    return f"::{_GITHUB[finding.severity]} {properties}::{_data(f'{finding.message} {finding.fix}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _result(found: Found, rules: list[str], shown: Shown) -> Mapping[str, Any]:
    finding = found.finding
    region = {"startLine": finding.place.line, "startColumn": finding.place.column}
    location = {"artifactLocation": {"uri": quote(shown(finding.place.file))}, "region": region}
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity,
        "message": {"text": f"{finding.message} {finding.fix}"},
        "locations": [{"physicalLocation": location}],
        "properties": {"mails": found.mails},
    }


def _rule(first: Finding) -> Mapping[str, Any]:
    """Return what code scanning shows of a rule; the help is the fix of the first finding."""
    group, _, what = first.rule.partition("/")
    short = f"{_SHOWN_AS.get(group, group.capitalize())}: {what.replace('-', ' ')}."
    return {
        "id": first.rule,
        "name": _pascal(first.rule),
        "shortDescription": {"text": short},
        "help": {"text": first.fix},
    }


def _pascal(rule: str) -> str:
    """Return the readable name that SARIF asks for, 3.49.7: "mjml/wrong-value" is MjmlWrongValue."""
    return "".join(part.capitalize() for part in rule.replace("/", "-").split("-"))


def _encode(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
