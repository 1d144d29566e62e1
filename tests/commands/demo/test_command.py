"""What `keyturn demo` says and how it ends."""

import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.servers.processes import KEYTURN, Demo, run, running_demo

from keyturn.cli.demo.examples import PASSWORD

pytestmark = pytest.mark.long

DEMO = [*KEYTURN, "demo"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(home: Path) -> Iterator[Demo]:
    with running_demo([*DEMO, "--port", "0"], home) as running:
        yield running


def test_it_prints_where_everything_is_and_its_studio_opens_with_the_printed_token_alone(demo: Demo) -> None:
    places = ("/forgot-password\n", "/login\n", "/schema\n", "/studio/inbox?token=", "/studio?token=")
    words = ("viewer@example.test", "school@example.test", PASSWORD, "ready in")
    assert [one for one in (*(f"{demo.url}{place}" for place in places), *words) if one not in demo.greeting] == []
    assert "\x1b" not in demo.greeting
    assert [httpx2.get(f"{demo.url}{path}").status_code for path in ("/studio", "/studio/api/messages")] == [403, 401]
    for name in ("Studio", "Mails sent"):
        assert httpx2.get(demo.address_of(name), follow_redirects=True).status_code == 200


def test_ctrl_c_ends_it_cleanly_and_a_restart_keeps_what_was_done_and_adds_no_second_accounts(tmp_path: Path) -> None:
    for _ in range(2):
        with running_demo([*DEMO, "--port", "0"], tmp_path) as demo:
            code, rest = demo.interrupt()
        assert code == 0
        assert "Traceback" not in rest
        assert ".keyturn/" in rest
    with sqlite3.connect(tmp_path / ".keyturn" / "demo.db") as database:
        (count,) = database.execute("SELECT count(*) FROM keyturn_accounts").fetchone()
    database.close()
    assert count == 4


@pytest.mark.usefixtures("demo")
def test_its_folder_is_for_its_owner_alone_and_a_second_one_or_a_taken_port_is_one_sentence(
    home: Path, tmp_path: Path
) -> None:
    assert (home / ".keyturn").stat().st_mode & 0o077 == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for place, number, said in ((home, "0", "already"), (tmp_path, port, port)):
            done = run([*DEMO, "--port", number], place)
            assert (done.returncode, done.stderr.count("\n"), said in done.stderr) == (1, 1, True)
