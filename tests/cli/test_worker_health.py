"""`keyturn worker --port`: health and figures of a process that answers nothing else."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.databases import SqliteFiles

pytestmark = pytest.mark.long


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_answers_health_and_metrics_beside_its_work_and_ends_cleanly(
    sqlite: SqliteFiles, tmp_path: Path, number: signal.Signals
) -> None:
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("KEYTURN_", "OTEL_"))},
        "KEYTURN_ENVIRONMENT": "development",
        "KEYTURN_DATABASE_URL": sqlite.migrated(),
        "KEYTURN_MAIL_TRANSPORT": "capture",
    }
    command = [sys.executable, "-m", "keyturn", "worker", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr
        health = re.compile(r"(http://127\.0\.0\.1:\d+)/health/ready")
        url = next(found[1] for line in worker.stderr if (found := health.search(line)))
        assert httpx.get(f"{url}/health/ready").status_code == 200
        assert "keyturn_outbox_waiting 0.0" in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/metrics", headers={"X-Forwarded-For": "198.18.0.1"}).status_code == 404
        worker.send_signal(number)
        rest = worker.stderr.read()
        assert worker.wait(30) == 0, rest
    assert "Traceback" not in rest
