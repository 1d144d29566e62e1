"""`litestar --app keyturn:create_app run`: the service of keyturn.toml under Litestar's own command."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.cli.command import ADA
from tests.cli.process import running_program
from tests.cli.test_serve_worker import ENVIRONMENT, REQUEST, wait_for_mail, worker_of
from tests.cli.test_worker_of_an_app import url_of

pytestmark = pytest.mark.long

LITESTAR = [sys.executable, "-m", "litestar", "--app", "keyturn:create_app", "run", "--port", "0"]
FILE = 'environment = "development"\n\n[mail]\ntransport = "capture"\n'


@pytest.mark.usefixtures("with_ada")
def test_it_reads_keyturn_toml_answers_and_starts_the_worker_which_sends_the_mail(workplace: Path) -> None:
    (workplace / "keyturn.toml").write_text(FILE, "utf-8")
    with running_program(LITESTAR, None) as served:
        url = url_of(served)
        assert worker_of(served) != served.process.pid
        assert httpx2.get(f"{url}/health/ready").status_code == 200
        assert httpx2.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202
        wait_for_mail(workplace)
        served.wait_for("mail.sent")
        served.end()


def test_settings_with_errors_are_a_sentence_for_each() -> None:
    done = subprocess.run(LITESTAR, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "KEYTURN_SECRET_KEY: missing" in done.stderr


def test_a_missing_migration_is_one_sentence_and_an_exit_code() -> None:
    with running_program(LITESTAR, None, **ENVIRONMENT) as refused:
        assert refused.process.wait(30) == 3
        refused.wait_for("does not have Keyturn's tables yet: run `keyturn migrate`")
        assert not any("Traceback" in line for line in refused.said)
