"""An examination as a SARIF log, for code scanning services."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import msgspec

from keyturn.emails.lint.examination import Examination, Found
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.reports.shown_path import Shown

_SHOWN_AS = {"html": "HTML", "mjml": "MJML"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(examination: Examination, shown: Shown) -> str:
    """Return a log in SARIF 2.1.0.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    first = {found.finding.rule: found.finding for found in reversed(examination.found)}
    rules = sorted(first)
    driver = {"name": "keyturn", "version": version("keyturn"), "rules": [_rule(first[rule]) for rule in rules]}
    results = [_result(found, rules, shown) for found in examination.found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


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
        "partialFingerprints": {"keyturnLine/v1": found.fingerprint},
        "properties": {"mails": found.mails, **_gaps(finding)},
    }


def _gaps(finding: Finding) -> Mapping[str, Any]:
    of_clients = {"feature": finding.feature, "clients": finding.clients} if finding.feature else {}
    return {**of_clients, "widths": finding.widths} if finding.widths else of_clients


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
