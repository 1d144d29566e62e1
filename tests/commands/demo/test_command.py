"""What `keyturn demo` says and how it ends."""

import socket
import sqlite3
from pathlib import Path

import pytest
from tests.servers.processes import KEYTURN, run, running_demo

from keyturn.cli.demo.examples import PASSWORD

pytestmark = pytest.mark.long

DEMO = [*KEYTURN, "demo"]
_HEAD = (
    "POST /api/auth/request-password-reset HTTP/1.1",
    "Host: x",
    "Content-Type: application/json",
)
UNFINISHED = "\r\n".join([*_HEAD, "Content-Length: 99", "Expect: 100-continue", "", ""]).encode()


def test_it_prints_its_places_opens_its_studio_with_the_printed_token_alone_and_is_alone(
    tmp_path: Path,
) -> None:
    places = (
        "/forgot-password\n",
        "/login\n",
        "/schema\n",
        "/studio/inbox?token=",
        "/studio?token=",
    )
    words = ("viewer@example.test", "school@example.test", PASSWORD, "ready in")
    with (
        running_demo([*DEMO, "--port", "0"], tmp_path) as demo,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        assert [
            one
            for one in (*(f"{demo.address_for_browsers}{place}" for place in places), *words)
            if one not in demo.greeting
        ] == []
        assert "\x1b" not in demo.greeting
        paths = ("/studio", "/studio/api/messages")
        assert [demo.get(path).status_code for path in paths] == [403, 401]
        for name in ("Studio", "Emails sent"):
            assert demo.visit(name).status_code == 200

        assert (tmp_path / ".keyturn").stat().st_mode & 0o077 == 0, "for its owner alone"
        (tmp_path / "other").mkdir()
        port = str(taken.getsockname()[1])
        for place, number, said in ((tmp_path, "0", "already"), (tmp_path / "other", port, port)):
            done = run([*DEMO, "--port", number], place)
            assert (done.returncode, done.stderr.count("\n"), said in done.stderr) == (1, 1, True)


def test_ctrl_c_ends_it_cleanly_and_a_restart_keeps_what_was_done_and_adds_no_second_accounts(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        with running_demo([*DEMO, "--port", "0"], tmp_path) as demo, socket.socket() as client:
            client.connect(("127.0.0.1", int(demo.url.rpartition(":")[2])))
            client.sendall(UNFINISHED)
            assert client.recv(99).startswith(b"HTTP/1.1 100 "), "the body is waited for"
            code, rest = demo.interrupt()
        assert code == 0
        assert "Traceback" not in rest
        assert ".keyturn/" in rest
    with sqlite3.connect(tmp_path / ".keyturn" / "demo.db") as database:
        (count,) = database.execute("SELECT count(*) FROM keyturn_accounts").fetchone()
    database.close()
    assert count == 4
