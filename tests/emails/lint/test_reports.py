"""What machines read of an examination."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from keyturn.emails.lint.examination import Examination, Found
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.reports import as_github, as_json, as_sarif

WRONG = Finding(
    rule="mjml/wrong-value",
    severity="error",
    message='<mj-text>: color="a,b:c" is not a colour, 100 % sure.',
    fix="Write\nred.",
    place=Place("news, all/news.mjml", 3, 9),
)
DOUBTFUL = Finding(
    rule="links/relative", severity="warning", message="A relative link.", fix="Mend it.", place=Place("a/a.mjml")
)
REMARK = Finding(rule="mjml/duplicate-attribute", severity="note", message="M.", fix="W.", place=Place("a/a.mjml", 2))
EXAMINATION = Examination(
    (Found(DOUBTFUL, ("a/one", "a/two")), Found(REMARK, ("a/one",)), Found(WRONG, ("news/x",))), templates=2, mails=3
)
NOTHING = Examination((), templates=2, mails=3)


def shown(file: str) -> str:
    return f"mails/{file}"


def test_json_holds_all_of_every_finding() -> None:
    report = json.loads(as_json(EXAMINATION, shown))

    assert {key: report[key] for key in ("templates", "mails", "errors", "warnings", "notes")} == {
        "templates": 2, "mails": 3, "errors": 1, "warnings": 1, "notes": 1,
    }  # fmt: skip
    assert report["findings"][0] == {
        "rule": "links/relative", "severity": "warning", "message": "A relative link.", "way_out": "Mend it.",
        "file": "mails/a/a.mjml", "line": 1, "column": 1, "mails": ["a/one", "a/two"],
    }  # fmt: skip


def test_github_is_told_in_a_line_for_each_finding() -> None:
    lines = as_github(EXAMINATION, shown).split("\n")

    assert lines == [
        "::warning file=mails/a/a.mjml,line=1,col=1,title=links/relative::A relative link. Mend it.",
        "::notice file=mails/a/a.mjml,line=2,col=1,title=mjml/duplicate-attribute::M. W.",
        (
            "::error file=mails/news%2C all/news.mjml,line=3,col=9,title=mjml/wrong-value::"
            '<mj-text>: color="a,b:c" is not a colour, 100 %25 sure. Write%0Ared.'
        ),
    ]
    assert as_github(NOTHING, shown) == ""


@pytest.fixture
def run() -> Mapping[str, Any]:
    log = json.loads(as_sarif(EXAMINATION, shown))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    return dict(run)


def test_sarif_has_what_its_specification_requires(run: Mapping[str, Any]) -> None:
    driver = run["tool"]["driver"]

    assert driver["name"] == "keyturn"
    assert driver["version"]
    assert driver["rules"][2] == {
        "id": "mjml/wrong-value",
        "name": "MjmlWrongValue",
        "shortDescription": {"text": "MJML: wrong value."},
        "help": {"text": "Write\nred."},
    }
    assert driver["rules"][0]["shortDescription"]["text"] == "Links: relative."
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


def test_only_some_rules_can_be_kept() -> None:
    assert [one.finding for one in EXAMINATION.with_rules(["mjml"]).found] == [REMARK, WRONG]
    assert [one.finding for one in EXAMINATION.with_rules(["mjml/wrong-value", "links"]).found] == [DOUBTFUL, WRONG]
    assert EXAMINATION.with_rules([]) == EXAMINATION
    assert EXAMINATION.with_rules(["mjml/wrong"]).found == ()
