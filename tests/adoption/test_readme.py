"""A Flask app with users of its own adopts Keyturn by what README.md says, command by command.

Its passwords were hashed by Node, its sessions are rows of its own, and not a line of it is changed.
"""

import base64
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.adoption.library import MONA, PASSWORD, library, set_up
from tests.adoption.story import NEW, Stack, beside, follow_init, reset_password
from tests.serving import held_ports
from werkzeug.serving import make_server

pytestmark = pytest.mark.long

README = Path(__file__).parents[2] / "README.md"
LIBRARY = Stack(name="library", starts=(), sign_in="/login", forgot="", database="sqlite:///library.db")


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


def test_readme_leads_from_nothing_to_a_new_password(tmp_path: Path) -> None:
    assert commands() == [["init"], ["migrate"], ["serve"]], "README.md has other commands by now"
    heard = Heard()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    set_up(tmp_path / "library.db")

    with held_ports(1) as (port,), served(tmp_path, secret, heard) as app:
        keyturn = f"http://127.0.0.1:{port}"
        hooks = {"KEYTURN_WEBHOOKS_URL": f"{app}/hooks/keyturn", "KEYTURN_WEBHOOKS_SECRET": secret}
        environment = follow_init(LIBRARY, tmp_path, hooks, keyturn=keyturn, app=app)
        with beside(tmp_path, keyturn, environment) as service:
            before = sign_in(app, PASSWORD)
            assert httpx2.get(f"{app}/me", params={"session": before.json()["session"]}).json()["must_change"]

            reset_password(service)

            assert sign_in(app, PASSWORD).status_code == 401
            after = sign_in(app, NEW)
            assert httpx2.get(f"{app}/me", params={"session": before.json()["session"]}).status_code == 401
            me = httpx2.get(f"{app}/me", params={"session": after.json()["session"]}).json()
            assert me == {"email": MONA, "must_change": False}
            assert heard.wait_for("password.changed")
            assert heard.wait_for("password.reset_requested")


def sign_in(app: str, password: str) -> httpx2.Response:
    return httpx2.post(f"{app}/login", json={"email": MONA, "password": password})
