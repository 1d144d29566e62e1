"""The files of deploy/observability: promtool accepts them, and a Prometheus that scrapes Keyturn answers queries."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import yaml
from tests.commands.command import ADA, PASSWORD
from tests.driver.inbox import TOKEN
from tests.processes.deploy.proxies import replaced
from tests.processes.deploy.units import DEPLOY
from tests.programs import require_program
from tests.servers.databases import SqliteFiles
from tests.servers.mail_providers.answers import PROXY_PAGE, refusal
from tests.servers.mail_providers.resend import ResendServer
from tests.servers.processes import KEYTURN, Running, output_of, running_program
from tests.servers.serving import held_ports
from tests.worlds.chaos.conditions import environment_for

from keyturn.service.telemetry.meters import Meters

pytestmark = pytest.mark.long

FOLDER = DEPLOY / "observability"
RUNBOOKS = DEPLOY.parent / "docs" / "observability.md"
API, NEW = "/api/auth", "eleven loud lighthouses"
SETTINGS = {
    "KEYTURN_METRICS_TOKEN": "0123456789abcdef0123456789abcdef",
    "KEYTURN_LIMITS_MAILBOX_COOLDOWN": "0s",
    "KEYTURN_PASSWORD_BREACHES": "http://127.0.0.1:1",
}
PROMETHEUS_OWN = {"up", "scrape_duration_seconds"}
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]


def promtool(*words: str) -> None:
    output_of([require_program("promtool", "prometheus"), *words])


@pytest.mark.usefixtures("prometheus")
def test_promtool_accepts_the_files_and_the_tests_of_the_alerts_pass() -> None:
    promtool("check", "config", "--syntax-only", str(FOLDER / "prometheus.yml"))
    promtool("check", "rules", str(FOLDER / "alerts.yml"))
    promtool("test", "rules", str(FOLDER / "alerts_test.yml"))


def test_each_alert_waits_is_tested_both_ways_and_leads_to_a_runbook_of_three_lines() -> None:
    told = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))
    checks = [check for group in told["tests"] for check in group["alert_rule_test"]]
    names = [alert["alert"] for alert in ALERTS]
    for fires in (True, False):
        assert {check["alertname"] for check in checks if bool(check.get("exp_alerts")) is fires} == set(names)
    for alert in ALERTS:
        assert alert["for"]
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["runbook_url"].endswith(f"/observability#{alert['alert'].lower()}")
    sections = re.split(r"^### ", RUNBOOKS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert [section.split("\n", 1)[0] for section in sections] == names
    for section in sections:
        assert re.findall(r"^\* \*\*(\w+):\*\*", section, re.MULTILINE) == ["Meaning", "Look", "Do"], section


def test_each_metric_of_the_alerts_and_the_dashboard_is_one_of_keyturn() -> None:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", Meters().exposition().decode(), re.MULTILINE))
    suffixes = ("_bucket", "_count", "_sum")
    there = {name + suffix for name, kind in kinds.items() for suffix in (suffixes if kind == "histogram" else ("",))}
    metric = r"\b(?:keyturn_[a-z_]+|process_[a-z_]+|scrape_[a-z_]+|up)(?=[{ ]|\[|$|\))"
    named = set(re.findall(metric, "\n".join([alert["expr"] for alert in ALERTS] + QUERIES)))
    assert len(named) > 10
    assert named - there == PROMETHEUS_OWN


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A Keyturn whose API and worker Prometheus scrapes, every second."""

    api: httpx2.Client
    worker: Running
    resend: ResendServer
    prometheus: httpx2.Client
    said: list[str]

    def ask(self, path: str, **query: str) -> Any:
        answer = self.prometheus.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def series(self, query: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=query)["result"]
        return found

    def eventually(self, wanted: Callable[[], bool], said: Callable[[], object] = list) -> None:
        deadline = time.monotonic() + 60
        while not wanted():
            assert time.monotonic() < deadline, (said(), self.ask("alerts"), self.worker.said, self.said[-20:])
            time.sleep(0.2)

    def post(self, path: str, **body: str) -> int:
        return self.api.post(f"{API}/{path}", json=body).status_code


@contextmanager
def keyturn_watched(program: str, database_url: str, folder: Path) -> Iterator[Watched]:
    (folder / "keyturn.token").write_text(SETTINGS["KEYTURN_METRICS_TOKEN"], "utf-8")
    with ResendServer.running() as resend:
        settings = {**environment_for(resend, database_url), **SETTINGS}
        output_of([*KEYTURN, "accounts", "add", ADA, "--password-stdin"], folder, PASSWORD, **settings)
        with (
            running_program([*KEYTURN, "serve", "--no-worker", "--port", "0"], folder, **settings) as serve,
            running_program([*KEYTURN, "worker", "--port", "0"], folder, **settings) as worker,
            held_ports(2) as ports,
        ):
            api = serve.wait_for("Keyturn answers on ").rpartition("http://")[2]
            health = worker.wait_for("Health checks: ").rpartition("http://")[2].partition("/")[0]
            own, nothing = (f"127.0.0.1:{port}" for port in ports)
            words = [program, *_written(folder, api=api, worker=health, alertmanager=nothing)]
            with (
                running_program([*words, f"--web.listen-address={own}"], folder) as prometheus,
                httpx2.Client(base_url=f"http://{api}", timeout=20) as client,
                httpx2.Client(base_url=f"http://{own}", timeout=20) as asked,
            ):
                prometheus.wait_for("Server is ready")
                yield Watched(api=client, worker=worker, resend=resend, prometheus=asked, said=prometheus.said)


def _written(folder: Path, *, api: str, worker: str, alertmanager: str) -> list[str]:
    """Write the files with this test's addresses, and return Prometheus' flags."""
    shutil.copy(FOLDER / "alerts.yml", folder / "keyturn-alerts.yml")
    file = folder / "prometheus.yml"
    example = replaced(
        FOLDER / "prometheus.yml",
        ("127.0.0.1:8000", api),
        ("127.0.0.1:9464", worker),
        ("127.0.0.1:9093", alertmanager),
        ("/etc/prometheus", str(folder)),
        ("interval: 15s", "interval: 1s"),
    )
    file.write_text(example, "utf-8")
    promtool("check", "config", str(file))
    return [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]


def test_every_query_has_an_answer_and_every_rule_is_evaluated(
    prometheus: str, sqlite: SqliteFiles, tmp_path: Path
) -> None:
    with keyturn_watched(prometheus, sqlite.migrated(), tmp_path) as watched:
        watched.eventually(lambda: len(watched.series('up{job="keyturn"} == 1')) == 2)
        _live(watched)

        queries = [query.replace("$job", "keyturn").replace("$__rate_interval", "20s") for query in QUERIES]
        watched.eventually(
            lambda: all(watched.series(query) for query in queries),
            lambda: [query for query in queries if not watched.series(query)],
        )
        for alert in ALERTS:
            watched.series(alert["expr"])

        def rules() -> list[tuple[str, str, str]]:
            found = [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]
            return [(rule["name"], rule["health"], rule.get("lastError", "")) for rule in found]

        watched.eventually(lambda: rules() == [(alert["alert"], "ok", "") for alert in ALERTS], rules)


def _live(watched: Watched) -> None:
    """Reset a password, sign in wrongly, use an unknown link, and let the provider fail and refuse."""
    accepted = watched.resend.accepted
    assert watched.post("request-password-reset", email=ADA) == 202
    watched.eventually(lambda: len(accepted) == 1)
    (token,) = set(TOKEN.findall(accepted[0].fields["text"]))
    assert watched.post("validate-reset-token", token=token) == 200
    assert watched.post("reset-password", token=token, newPassword=NEW) == 200
    watched.eventually(lambda: len(accepted) == 2)
    assert watched.post("validate-reset-token", token="x" * 43) in {200, 400}
    assert watched.post("login", email=ADA, password=PASSWORD) == 401
    watched.resend.coming.append(PROXY_PAGE)
    assert watched.post("request-password-reset", email=ADA) == 202
    watched.worker.wait_for('"mail.retried"')
    watched.eventually(lambda: len(accepted) == 3)
    watched.resend.coming.append(refusal(422, "validation_error"))
    assert watched.post("request-password-reset", email=ADA) == 202
    watched.worker.wait_for('"mail.dead"')
