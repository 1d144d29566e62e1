"""The worker of `serve`, and of an app with the plugin: a process of its own that ends with its
parent.
"""

import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.commands.command import ADA
from tests.driver.service import BEARER, REQUEST
from tests.processes.serve.workers import ENVIRONMENT, end_worker, wait_for_end, worker_of
from tests.servers.processes import running, running_program

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.long,
]

WAITING_WORKER = """
import fcntl, os, sys
if "keyturn.service.child_worker.process" in sys.orig_argv:
    with open(os.environ["GATE"]) as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
"""


class Gate:
    """Keeps workers from their start within the block, which the worker of
    `environment` looks at.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(WAITING_WORKER)
        self._file = folder / "gate"
        self._file.touch()
        self.environment = {"PYTHONPATH": str(folder), "GATE": str(self._file)}

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        with self._file.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("site"))


@pytest.mark.usefixtures("with_ada")
def test_a_worker_that_dies_shows_is_started_again_and_ends_with_a_parent_that_is_killed(
    gate: Gate,
) -> None:
    with running("serve", "--port", "0", **ENVIRONMENT, **gate.environment) as serve:
        os.kill(worker_of(serve), signal.SIGTERM)
        stopped = json.loads(serve.wait_for("worker.ended"))
        assert (stopped["level"], stopped["code"]) == ("info", "0"), (
            "the signal of a stop is no error"
        )
        first = worker_of(serve, 2)
        assert serve.get("/health/ready").status_code == 200
        with gate.closed():
            os.kill(first, signal.SIGKILL)
            died = json.loads(serve.wait_for("worker.ended", 2))
            assert (died["level"], died["code"]) == ("error", "-9")
            assert serve.get("/health/ready").status_code == 503
            assert json.loads(serve.wait_for("request.failed"))["error"] == "WorkerDown"
            assert serve.get("/health/live").status_code == 200
            assert serve.post(REQUEST, json={"email": ADA}).status_code == 202

        assert worker_of(serve, 3) != first
        assert serve.get("/health/ready").status_code == 200
        serve.wait_for("mail.sent")
        end_worker(serve, 3)
        figures = serve.get("/metrics", headers=BEARER).text
        assert 'keyturn_messages_total{kind="reset_requested",outcome="sent"} 1.0' in figures
        last = os.pidfd_open(worker_of(serve, 4))
        serve.process.kill()
        wait_for_end(last)


@pytest.mark.usefixtures("with_ada")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_no_worker_before_serve_and_a_signal_to_both_is_one_clean_end(
    number: signal.Signals,
) -> None:
    """As Ctrl-C in a terminal, and as systemd ends a service, whose worker was started again."""
    with running("serve", "--port", "0", **ENVIRONMENT) as serve:
        os.kill(worker_of(serve), signal.SIGINT)
        assert serve.post(REQUEST, json={"email": ADA}).status_code == 202
        serve.wait_for("mail.sent")
        assert not any("worker.ended" in line for line in serve.said)
        os.kill(worker_of(serve), signal.SIGKILL)
        worker = worker_of(serve, 2)
        ended = os.pidfd_open(worker)
        os.kill(worker, number)
        assert serve.end(number) == 0
        wait_for_end(ended)
        assert not any("Traceback" in line for line in serve.said)


@pytest.mark.usefixtures("migrated")
def test_answers_do_not_wait_for_the_worker_and_nor_does_the_end(gate: Gate) -> None:
    with gate.closed(), running("serve", "--port", "0", **ENVIRONMENT, **gate.environment) as serve:
        assert serve.get("/health/ready").status_code == 200
        assert serve.post(REQUEST, json={"email": ADA}).status_code == 202
        assert not any("worker.started" in line for line in serve.said)
        assert serve.end() == 0


@pytest.mark.usefixtures("with_ada")
def test_a_worker_inside_is_for_those_who_ask_for_it() -> None:
    with running("serve", "--port", "0", KEYTURN_SERVER_WORKER="inside", **ENVIRONMENT) as serve:
        assert serve.post(REQUEST, json={"email": ADA}).status_code == 202
        serve.wait_for("mail.sent")
        assert not Path(f"/proc/{serve.process.pid}/task/{serve.process.pid}/children").read_text(
            "ascii"
        )
        assert serve.end() == 0


APP = """
from litestar import Litestar
from keyturn import KeyturnPlugin, read_settings
from keyturn.service.telemetry.logs import configure_logs

configure_logs()
app = Litestar(plugins=[KeyturnPlugin(read_settings())], logging_config=None)
"""
WHO_WRITES = """
import os, sys

def tell(event, arguments):
    if event == "os.rename" and ".eml" in str(arguments):
        os.write(2, f"a mail is written by {os.getpid()}\\n".encode())

sys.addaudithook(tell)
"""


@pytest.mark.usefixtures("with_ada")
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)],
)
def test_a_mail_is_sent_by_another_process_which_ends_with_its_app_however_that_ends(
    workplace: Path, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(WHO_WRITES)
    (workplace / "app.py").write_text(APP)
    words = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"]
    with running_program(words, None, PYTHONPATH=str(site), **ENVIRONMENT) as served:
        worker = worker_of(served)
        assert served.post(REQUEST, json={"email": ADA}).status_code == 202
        assert served.wait_for("a mail is written by ").endswith(f" {worker}")
        assert worker != served.process.pid
        ended = os.pidfd_open(worker)
        served.end(number)
        wait_for_end(ended)


@pytest.mark.usefixtures("with_ada")
def test_under_litestars_own_command_the_service_of_keyturn_toml_answers_and_its_worker_sends(
    workplace: Path,
) -> None:
    file = 'environment = "development"\n\n[mail]\ntransport = "capture"\n'
    (workplace / "keyturn.toml").write_text(file, "utf-8")
    words = [sys.executable, "-m", "litestar", "--app", "keyturn:create_app", "run", "--port", "0"]
    with running_program(words, None) as served:
        assert worker_of(served) != served.process.pid
        assert served.get("/health/ready").status_code == 200
        assert served.post(REQUEST, json={"email": ADA}).status_code == 202
        served.wait_for("mail.sent")
        served.end()
