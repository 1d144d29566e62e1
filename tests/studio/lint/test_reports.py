"""What machines read of an examination."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keyturn.studio.gallery import MailName
from keyturn.studio.lint.finding import ClientGap, Finding, Place
from keyturn.studio.lint.formats import CheckReport, as_github, as_json, as_sarif
from keyturn.studio.lint.report import Report

WRONG = Finding(
    rule="mjml/wrong-value",
    severity="error",
    message='<mj-text>: color="a,b:c" is not a colour, 100 % sure.',
    fix="Write\nred.",
    place=Place("news, all/news.mjml", 3, 9),
    mails=(MailName("news", "x"),),
)
DOUBTFUL = Finding(
    rule="links/relative",
    severity="warning",
    message="A relative link.",
    fix="Fix it.",
    place=Place("a/a.mjml"),
    mails=(MailName("a", "one"), MailName("a", "two")),
    fingerprint="0f",
)
OF_ONE = (MailName("a", "one"),)
REMARK = Finding(
    rule="mjml/duplicate-attribute", severity="note", message="M.", fix="W.", place=Place("a/a.mjml", 2), mails=OF_ONE
)
LACKING = Finding(
    rule="compatibility/css-border-radius",
    severity="note",
    message="M.",
    fix="W.",
    place=Place("a/a.mjml", 3),
    feature="css-border-radius",
    clients=(ClientGap("outlook/windows", "no"), ClientGap("gmail/ios", "partial")),
    mails=OF_ONE,
)
REPORT = Report((DOUBTFUL, REMARK, WRONG), templates=2, mails=3)
LACKED = Report((LACKING,))
NOTHING = Report((), templates=2, mails=3)


def shown(file: str) -> str:
    return f"mails/{file}"


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

    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(CheckReport)}

    assert json.loads(schema.read_text("utf-8")) == made
    for examination in (REPORT, NOTHING, LACKED):
        report = as_json(examination, shown)
        assert json.loads(msgspec.json.encode(msgspec.json.decode(report, type=CheckReport))) == json.loads(report)


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


def test_sarif_has_what_its_specification_requires(run: Mapping[str, Any]) -> None:
    driver = run["tool"]["driver"]

    assert driver["name"] == "keyturn"
    assert driver["version"]
    rule = driver["rules"][2]
    assert (rule["id"], rule["name"]) == ("mjml/wrong-value", "MjmlWrongValue")
    assert rule["shortDescription"] == {"text": "An attribute has a value of the wrong type."}
    assert rule["fullDescription"]["text"].startswith("An attribute has a value of the wrong type. All readers: ")
    assert "Bad:\n\n```\n<mj-text font-size=" in rule["help"]["markdown"]
    assert "keyturn: ignore mjml/wrong-value because" in rule["help"]["text"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert driver["rules"][0]["shortDescription"]["text"].startswith("This address is relative")
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"error", "warning", "note", "none"}
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            region = location["physicalLocation"]["region"]
            assert min(region["startLine"], region["startColumn"]) >= 1


def test_sarif_names_files_as_uris(run: Mapping[str, Any]) -> None:
    uris = [
        place["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"] for place in each["locations"]
    ]

    assert uris == ["mails/a/a.mjml", "mails/a/a.mjml", "mails/news%2C%20all/news.mjml"]


def test_sarif_without_findings_says_that_it_looked() -> None:
    (run,) = json.loads(as_sarif(NOTHING, shown))["runs"]

    assert run["results"] == []
