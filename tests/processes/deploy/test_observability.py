"""The files of deploy/observability: promtool accepts them, and they name what Keyturn counts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.house.reference import problems
from tests.processes.deploy.sandbox import DEPLOY
from tests.servers.processes import output_of

from keyturn.service.telemetry.meters import ACCEPTED, Meters

pytestmark = pytest.mark.long

FOLDER = DEPLOY / "observability"
PAGE = (DEPLOY.parent / "docs" / "observability.md").read_text("utf-8")
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
QUERIES: list[str] = [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())
]


def test_promtool_accepts_files_and_queries_and_the_tests_of_the_alerts_pass(
    prometheus: str, tmp_path: Path
) -> None:
    queries = [query.replace("$__rate_interval", "20s") for query in QUERIES]
    rules = [{"record": f"panel_{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "dashboard.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]})
    )
    output_of([prometheus, "check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")])
    output_of(
        [prometheus, "check", "rules", str(FOLDER / "alerts.yml"), str(tmp_path / "dashboard.yml")]
    )
    output_of([prometheus, "test", "rules", str(FOLDER / "alerts_test.yml")])


def test_each_alert_waits_is_tested_both_ways_and_leads_to_a_runbook_of_three_lines() -> None:
    told = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))
    checks = [check for group in told["tests"] for check in group["alert_rule_test"]]
    names = [alert["alert"] for alert in ALERTS]
    for fires in (True, False):
        assert {
            check["alertname"] for check in checks if bool(check.get("exp_alerts")) is fires
        } == set(names)
    for alert in ALERTS:
        assert alert["for"]
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["runbook_url"].endswith(
            f"/observability#{alert['alert'].lower()}"
        )
    sections = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    assert [section.split("\n", 1)[0] for section in sections] == names
    assert {tuple(re.findall(r"(?m)^\* \*\*(\w+):\*\*", one)) for one in sections} == {
        ("Meaning", "Look", "Do")
    }


def test_each_metric_of_the_alerts_and_the_dashboard_is_one_of_keyturn() -> None:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", Meters().exposition().decode(), re.MULTILINE))
    suffixes = ("_bucket", "_count", "_sum")
    there = {
        name + suffix
        for name, kind in kinds.items()
        for suffix in (suffixes if kind == "histogram" else ("",))
    }
    asked = "\n".join([alert["expr"] for alert in ALERTS] + QUERIES)
    named = set(
        re.findall(
            r"\b(?:keyturn_[a-z_]+|process_[a-z_]+|scrape_[a-z_]+|up)(?=[{ ]|\[|$|\))", asked
        )
    )
    assert len(named) > 10
    assert named - there == {"up", "scrape_duration_seconds"}


def test_each_label_and_value_asked_for_is_in_the_docs_with_the_outcome_of_each_problem() -> None:
    rows = re.findall(r"(?m)^\| `(keyturn_\w+)` \| (.*) \|$", PAGE)
    documented = {name: re.findall(r"`(\w+)`", row) for name, row in rows}
    asked = "\n".join([alert["expr"] for alert in ALERTS] + QUERIES)
    matchers = re.findall(r"(keyturn_\w+?)(?:_bucket|_count)?\{(.*?)\}", asked)
    each = [
        (name, *one) for name, ones in matchers for one in re.findall(r'(\w+)(!?=)~?"(.*?)"', ones)
    ]
    ours = [one for one in each if one[1] != "job"]
    assert len(ours) > 20
    for name, label, sign, values in ours:
        for word in (label, *(values.split("|") if sign == "=" else ())):
            assert any(re.fullmatch(word, one) for one in documented[name]), (name, word)
    outcomes = [re.sub(r"\{\w+\}", r"\\w+", problem.outcome) for problem in problems()]
    for outcome in (ACCEPTED, *outcomes):
        assert any(re.fullmatch(outcome, one) for one in documented["keyturn_requests_total"]), (
            outcome
        )
