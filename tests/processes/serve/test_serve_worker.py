"""The worker of `serve`: a process of its own, started again where it ends, that ends with its parent."""

import json
import os
import signal
import sys
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import ADA
from tests.driver.service import BEARER, REQUEST
from tests.processes.serve.workers import ENVIRONMENT, end_worker, wait_for_end, wait_for_mail, worker_of
from tests.servers.processes import running

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.long,
]

SLOW_WORKER = """
import sys, time
if "keyturn.service.child_worker.process" in sys.orig_argv:
    time.sleep(60)
"""


@pytest.mark.usefixtures("with_ada")
def test_a_worker_that_dies_shows_and_is_started_again_and_sends_what_was_accepted(workplace: Path) -> None:
    with running("serve", "--port", "0", **ENVIRONMENT) as serve:
        url = serve.url
        first = worker_of(serve)
        assert httpx2.get(f"{url}/health/ready").status_code == 200
        os.kill(first, signal.SIGKILL)

        serve.wait_for("worker.ended")
        assert httpx2.get(f"{url}/health/ready").status_code == 503
        assert httpx2.get(f"{url}/health/live").status_code == 200
        assert httpx2.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202

        assert worker_of(serve, 2) != first
        assert httpx2.get(f"{url}/health/ready").status_code == 200
        wait_for_mail(workplace)
        serve.wait_for("mail.sent")
        end_worker(serve, 2)
        figures = httpx2.get(f"{url}/metrics", headers=BEARER).text
        assert 'keyturn_messages_total{kind="reset_requested",outcome="sent"} 1.0' in figures
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_the_worker_ends_with_its_parent_also_where_that_is_killed() -> None:
    with running("serve", "--port", "0", **ENVIRONMENT) as serve:
        worker = os.pidfd_open(worker_of(serve))
        serve.process.kill()
        wait_for_end(worker)


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_both_is_one_clean_end(number: signal.Signals) -> None:
    """As Ctrl-C in a terminal, and as systemd ends a service."""
    with running("serve", "--port", "0", **ENVIRONMENT) as serve:
        worker = worker_of(serve)
        os.kill(worker, number)
        assert serve.end(number) == 0
        wait_for_end_or_gone(worker)
        assert not any("Traceback" in line for line in serve.said)


def wait_for_end_or_gone(pid: int) -> None:
    try:
        wait_for_end(os.pidfd_open(pid))
    except ProcessLookupError:
        return


@pytest.mark.usefixtures("migrated")
def test_answers_do_not_wait_for_the_worker_and_nor_does_the_end(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SLOW_WORKER)
    with running("serve", "--port", "0", PYTHONPATH=str(site), **ENVIRONMENT) as serve:
        url = serve.url
        assert httpx2.get(f"{url}/health/ready").status_code == 200
        assert httpx2.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202
        assert not any("worker.started" in line for line in serve.said)
        assert serve.end() == 0  # within the patience of who asks, which is shorter than that sleep


@pytest.mark.usefixtures("with_ada")
def test_a_worker_inside_is_for_those_who_ask_for_it(workplace: Path) -> None:
    with running("serve", "--port", "0", KEYTURN_SERVER_WORKER="inside", **ENVIRONMENT) as serve:
        assert httpx2.post(f"{serve.url}{REQUEST}", json={"email": ADA}).status_code == 202
        wait_for_mail(workplace)
        assert not Path(f"/proc/{serve.process.pid}/task/{serve.process.pid}/children").read_text("ascii")
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_a_worker_that_gets_the_signal_of_a_stop_is_no_error_and_one_that_dies_is() -> None:
    with running("serve", "--port", "0", **ENVIRONMENT) as serve:
        os.kill(worker_of(serve), signal.SIGTERM)
        stopped = json.loads(serve.wait_for("worker.ended"))
        assert (stopped["level"], stopped["code"]) == ("info", "0")
        os.kill(worker_of(serve, 2), signal.SIGKILL)
        died = json.loads(serve.wait_for("worker.ended", 2))
        assert (died["level"], died["code"]) == ("error", "-9")
        assert serve.end() == 0
