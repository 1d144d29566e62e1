"""A Flask app with users of its own adopts Keyturn by what README.md says, command by command.

Its passwords were hashed by Node, its sessions are rows of its own, and not a line of it is changed.
"""

import base64
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.parser import BytesParser
from pathlib import Path

import httpx
import pytest
from tests.adoption.library import MONA, PASSWORD, library, set_up
from tests.adoption.story import free_ports
from tests.cli.process import Running, running
from werkzeug.serving import make_server

pytestmark = pytest.mark.long

README = Path(__file__).parents[2] / "README.md"
NEW = "eleven loud lighthouses"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the app's folder, with its database in it, which is where its people type."""
    set_up(tmp_path / "library.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands() -> list[list[str]]:
    """Return the commands of the section of README.md that an adopter follows, each as its words."""
    section = README.read_text("utf-8").split("\n## Put it beside your app\n")[1].split("\n## ")[0]
    lines = [
        line.partition("#")[0].split()
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        for line in block.splitlines()
    ]
    return [line[1:] for line in lines if line[:1] == ["keyturn"]]


@contextmanager
def served(folder: Path, secret: str, heard: "Heard") -> Iterator[str]:
    server = make_server("127.0.0.1", 0, library(folder / "library.db", secret, heard), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Heard(list[str]):
    """What the app's webhook was told; `came` is set with each."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def append(self, event: str) -> None:
        with self._changed:
            super().append(event)
            self._changed.notify_all()

    def wait_for(self, event: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: event in self, 30)


def run(*words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "keyturn", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def mailed(folder: Path, subject: str, service: Running) -> str:
    """Return the text of the mail with that subject, as soon as it was captured."""
    service.wait_for('"transport":"capture"')  # webhooks are told to have been sent, too
    for file in sorted((folder / "mails").glob("*.eml")):
        mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        body = mail.get_body(("plain",))
        if mail["Subject"] == subject and body:
            assert mail["To"] == MONA
            return str(body.get_content())
    raise AssertionError(f"no mail {subject}")


def test_readme_leads_from_nothing_to_a_new_password(folder: Path) -> None:
    assert commands() == [["init"], ["migrate"], ["serve"]], "README.md has other commands by now"
    (port,) = free_ports(1)
    keyturn, heard = f"http://127.0.0.1:{port}", Heard()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()

    with served(folder, secret, heard) as app:
        said = run(
            "init",
            "--database",
            f"sqlite:///{folder / 'library.db'}",
            "--base-url",
            keyturn,
            "--sign-in-url",
            f"{app}/login",
            "--brand",
            "Harbour Library",
            "--from",
            "Harbour Library <no-reply@library.test>",
            "--yes",
        )
        assert "keyturn migrate" in said
        environment = {
            "KEYTURN_SECRET_KEY": secrets.token_hex(32),
            "KEYTURN_MAIL_TRANSPORT": "capture",
            "KEYTURN_MAIL_CAPTURE_DIR": "mails",
            "KEYTURN_WEBHOOKS_URL": f"{app}/hooks/keyturn",
            "KEYTURN_WEBHOOKS_SECRET": secret,
            "KEYTURN_LOGS_FORMAT": "json",
        }
        run("migrate", **environment)
        with running("serve", "--port", str(port), **environment) as service:
            service.wait_for("Keyturn answers on")
            before = sign_in(app, PASSWORD)
            assert httpx.get(f"{app}/me", params={"session": before.json()["session"]}).json()["must_change"]

            asked = httpx.post(f"{keyturn}/api/auth/request-password-reset", json={"email": MONA.upper()})
            assert asked.status_code == 202
            token = re.search(
                r"/reset-password/([\w-]{43})", mailed(folder, "Reset your Harbour Library password", service)
            )
            assert token
            reset = httpx.post(f"{keyturn}/api/auth/reset-password", json={"token": token[1], "newPassword": NEW})
            assert reset.status_code == 200, reset.text

            assert sign_in(app, PASSWORD).status_code == 401
            after = sign_in(app, NEW)
            assert httpx.get(f"{app}/me", params={"session": before.json()["session"]}).status_code == 401
            me = httpx.get(f"{app}/me", params={"session": after.json()["session"]}).json()
            assert me == {"email": MONA, "must_change": False}
            assert heard.wait_for("password.changed")
            assert heard.wait_for("password.reset_requested")


def sign_in(app: str, password: str) -> httpx.Response:
    return httpx.post(f"{app}/login", json={"email": MONA, "password": password})
