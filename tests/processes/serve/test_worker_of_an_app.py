"""The worker of an app with the plugin: a process of its own for each of the app's, that ends with it."""

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import ADA
from tests.driver.service import REQUEST
from tests.processes.serve.workers import ENVIRONMENT, wait_for_end, wait_for_mail, worker_of
from tests.servers.processes import Running, run, running_program

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.long,
]

APP = """
from litestar import Litestar
from keyturn import KeyturnConfig, KeyturnPlugin, read_settings
from keyturn.service.telemetry.logs import configure_logs

configure_logs()
app = Litestar(plugins=[KeyturnPlugin(KeyturnConfig(read_settings()))], logging_config=None)
"""
WHO_WRITES = """
import os, sys

def tell(event, arguments):
    if event == "os.rename" and ".eml" in str(arguments):
        os.write(2, f"a mail is written by {os.getpid()}\\n".encode())

sys.addaudithook(tell)
"""


def app(workplace: Path, **environment: str) -> AbstractContextManager[Running]:
    (workplace / "app.py").write_text(APP)
    words = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"]
    return running_program(words, None, **ENVIRONMENT | environment)


@pytest.mark.usefixtures("with_ada")
def test_a_mail_is_prepared_and_sent_by_another_process_than_the_one_that_answers(
    workplace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(WHO_WRITES)
    with app(workplace, PYTHONPATH=str(site)) as served:
        url = served.url
        worker = worker_of(served)
        assert httpx2.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202
        wait_for_mail(workplace)
        assert served.wait_for("a mail is written by ").endswith(f" {worker}")
        assert worker != served.process.pid


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_worker_ends_with_its_app_however_that_ends(workplace: Path, number: signal.Signals) -> None:
    with app(workplace) as served:
        worker = os.pidfd_open(worker_of(served))
        served.end(number)
        wait_for_end(worker)


# `litestar --app keyturn:create_app run`: the service of keyturn.toml under Litestar's own command

LITESTAR = [sys.executable, "-m", "litestar", "--app", "keyturn:create_app", "run", "--port", "0"]
FILE = 'environment = "development"\n\n[mail]\ntransport = "capture"\n'


@pytest.mark.usefixtures("with_ada")
def test_it_reads_keyturn_toml_answers_and_starts_the_worker_which_sends_the_mail(workplace: Path) -> None:
    (workplace / "keyturn.toml").write_text(FILE, "utf-8")
    with running_program(LITESTAR, None) as served:
        url = served.url
        assert worker_of(served) != served.process.pid
        assert httpx2.get(f"{url}/health/ready").status_code == 200
        assert httpx2.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202
        wait_for_mail(workplace)
        served.wait_for("mail.sent")
        served.end()


def test_settings_with_errors_are_a_sentence_for_each() -> None:
    done = run(LITESTAR)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "KEYTURN_SECRET_KEY: missing" in done.stderr


def test_a_missing_migration_is_one_sentence_and_an_exit_code() -> None:
    with running_program(LITESTAR, None, **ENVIRONMENT) as refused:
        assert refused.process.wait(30) == 3
        refused.wait_for("does not have Keyturn's tables yet: run `keyturn migrate`")
        assert not any("Traceback" in line for line in refused.said)
