"""The worker of an app with the plugin: a process of its own for each of the app's, that ends with it."""

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest
from tests.cli.command import ADA
from tests.cli.process import Running, running_program
from tests.cli.test_serve_worker import ENVIRONMENT, REQUEST, wait_for_end, wait_for_mail, worker_of

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
LISTENS = "Uvicorn running on "

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


def url_of(app: Running) -> str:
    return app.wait_for(LISTENS).partition(LISTENS)[2].split()[0]


@pytest.mark.usefixtures("with_ada")
def test_a_mail_is_prepared_and_sent_by_another_process_than_the_one_that_answers(
    workplace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(WHO_WRITES)
    with app(workplace, PYTHONPATH=str(site)) as served:
        url = url_of(served)
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
