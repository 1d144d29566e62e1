"""What machines read of an examination."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keyturn.studio.gallery import MailName
from keyturn.studio.lint.finding import ClientGap, Finding, Place, Severity
from keyturn.studio.lint.formats import CheckReport, as_github, as_json, as_sarif
from keyturn.studio.lint.report import Report


def finding(
    rule: str, severity: Severity, message: str, fix: str, place: Place, mails: str, **more: Any
) -> Finding:
    named = tuple(MailName(*mail.split("/")) for mail in mails.split())
    return Finding(
        rule=rule, severity=severity, message=message, fix=fix, place=place, mails=named, **more
    )


PALE, AT = (
    '<mj-text>: color="a,b:c" is not a colour, 100 % sure.',
    Place("news, all/news.mjml", 3, 9),
)
WRONG = finding("mjml/wrong-value", "error", PALE, "Write\nred.", AT, "news/x")
RELATIVE, A = "A relative link.", Place("a/a.mjml")
DOUBTFUL = finding(
    "links/relative", "warning", RELATIVE, "Fix it.", A, "a/one a/two", fingerprint="0f"
)
REMARK = finding("mjml/duplicate-attribute", "note", "M.", "W.", Place("a/a.mjml", 2), "a/one")
GAPS = (ClientGap("outlook/windows", "no"), ClientGap("gmail/ios", "partial"))
RADIUS = "css-border-radius"
LACKING = finding(
    f"compatibility/{RADIUS}", "note", "M.", "W.", A, "a/one", feature=RADIUS, clients=GAPS
)
REPORT = Report((DOUBTFUL, REMARK, WRONG), templates=2, mails=3)
NOTHING = Report((), templates=2, mails=3)


def shown(file: str) -> str:
    return f"mails/{file}"


def test_the_worst_comes_first_and_of_each_severity_what_is_in_the_most_mails() -> None:
    rare = finding("links/http", "warning", "A link.", "Fix it.", A, "a/one")
    assert Report().with_findings((REMARK, rare, DOUBTFUL, WRONG)).findings == (
        WRONG,
        DOUBTFUL,
        rare,
        REMARK,
    )


def test_json_holds_all_of_every_finding() -> None:
    report = json.loads(as_json(REPORT, shown))

    counted = [report[key] for key in ("templates", "mails", "errors", "warnings", "notes")]
    assert counted == [2, 3, 1, 1, 1]
    assert report["findings"][0] == {
        "rule": "links/relative",
        "severity": "warning",
        "message": "A relative link.",
        "fix": "Fix it.",
        "file": "mails/a/a.mjml",
        "line": 1,
        "column": 1,
        "fingerprint": "0f",
        "mails": ["a/one", "a/two"],
        "feature": None,
        "clients": [],
    }


def test_json_keeps_to_the_schema_that_is_documented() -> None:
    schema = Path(__file__).parents[3] / "docs" / "check.schema.json"
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(CheckReport),
    }
    assert json.loads(schema.read_text("utf-8")) == made
    for examination in (REPORT, NOTHING, Report((LACKING,))):
        report = as_json(examination, shown)
        assert json.loads(
            msgspec.json.encode(msgspec.json.decode(report, type=CheckReport))
        ) == json.loads(report)


def test_github_is_told_in_a_line_for_each_finding() -> None:
    lines = as_github(REPORT, shown).split("\n")
    assert lines == [
        "::warning file=mails/a/a.mjml,line=1,col=1,title=links/relative::A relative link. Fix it.",
        "::notice file=mails/a/a.mjml,line=2,col=1,title=mjml/duplicate-attribute::M. W.",
        (
            "::error file=mails/news%2C all/news.mjml,line=3,col=9,title=mjml/wrong-value::"
            '<mj-text>: color="a,b:c" is not a colour, 100 %25 sure. Write%0Ared.'
        ),
    ]
    assert as_github(NOTHING, shown) == ""


@pytest.fixture
def run() -> Mapping[str, Any]:
    log = json.loads(as_sarif(REPORT, shown))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    return dict(run)


def test_sarif_has_what_its_specification_requires_with_uris_for_files(
    run: Mapping[str, Any],
) -> None:
    driver = run["tool"]["driver"]

    assert driver["name"] == "keyturn"
    assert driver["version"]
    rule = driver["rules"][2]
    assert (rule["id"], rule["name"]) == ("mjml/wrong-value", "MjmlWrongValue")
    assert rule["shortDescription"] == {"text": "An attribute has a value of the wrong type."}
    assert rule["fullDescription"]["text"].startswith(
        "An attribute has a value of the wrong type. All readers: "
    )
    assert "Bad:\n\n```\n<mj-text font-size=" in rule["help"]["markdown"]
    assert "keyturn: ignore mjml/wrong-value because" in rule["help"]["text"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert driver["rules"][0]["shortDescription"]["text"].startswith("This address is relative")
    files = [
        place["physicalLocation"]["artifactLocation"]
        for one in run["results"]
        for place in one["locations"]
    ]
    assert [file["uri"] for file in files] == [
        "mails/a/a.mjml",
        "mails/a/a.mjml",
        "mails/news%2C%20all/news.mjml",
    ]
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"error", "warning", "note", "none"}
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            region = location["physicalLocation"]["region"]
            assert min(region["startLine"], region["startColumn"]) >= 1


def test_sarif_without_findings_says_that_it_looked() -> None:
    (run,) = json.loads(as_sarif(NOTHING, shown))["runs"]
    assert run["results"] == []
