"""health: asks a running API or worker, and is right and quick whatever answers, or does not."""

import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.adoption.story import free_ports
from tests.cli.command import Keyturn
from tests.cli.process import running

pytestmark = pytest.mark.long

ENVIRONMENT = {"KEYTURN_ENVIRONMENT": "development", "KEYTURN_MAIL_TRANSPORT": "capture"}
READY = "Keyturn answers on "
OK = b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'


@contextmanager
def answering(*pieces: bytes, pause: float = 0) -> Iterator[str]:
    """Answer one connection with these pieces, and yield the port. Without a piece, never answer."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                for piece in pieces:
                    connection.sendall(piece)
                    if ended.wait(pause):
                        return
                if not pieces:
                    ended.wait(60)

        thread = threading.Thread(target=answer)
        thread.start()
        yield str(server.getsockname()[1])
        ended.set()
        thread.join()


@pytest.mark.usefixtures("migrated")
def test_a_service_is_found_from_its_settings_and_is_healthy_until_its_database_is_not(
    keyturn: Keyturn, workplace: Path
) -> None:
    (port,) = free_ports(1)
    place = {"KEYTURN_SERVER_PORT": str(port), "KEYTURN_SERVER_HOST": "0.0.0.0"}  # noqa: S104 - as in a container
    with running("serve", **place, **ENVIRONMENT) as serve:
        serve.wait_for("worker.started")
        healthy = keyturn("health", **place)
        assert (healthy.code, healthy.out, healthy.err) == (0, f"Keyturn on http://127.0.0.1:{port} is ready.\n", "")
        with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
            database.execute("DROP TABLE keyturn_migrations")
        ill = keyturn("health", **place)
        assert (ill.code, ill.out) == (1, "")
        assert ill.err == (
            f"keyturn: Keyturn on http://127.0.0.1:{port} is not ready:"
            " its database, its accounts or its worker does not answer\n"
        )
        assert keyturn("health", "--live", **place).code == 0
        assert serve.end() == 0
    assert keyturn("health", **place).err == f"keyturn: cannot ask http://127.0.0.1:{port}: Connection refused\n"


@pytest.mark.usefixtures("migrated")
def test_settings_that_are_wrong_by_now_do_not_hide_a_healthy_service(keyturn: Keyturn) -> None:
    (port,) = free_ports(1)
    with running("serve", "--port", str(port), **ENVIRONMENT) as serve:
        serve.wait_for("worker.started")
        Path("keyturn.toml").write_text(f'[server]\nport = {port}\nhots = "x"\n[token]\nttl = "soon"\n', "utf-8")
        assert keyturn("health", KEYTURN_SECRET_KEY_FILE="/nowhere").code == 0


@pytest.mark.usefixtures("migrated")
def test_a_service_that_serves_only_its_own_host_answers_a_health_check(keyturn: Keyturn) -> None:
    (port,) = free_ports(1)
    place = {
        "KEYTURN_BASE_URL": "https://account.northwind.example",
        "KEYTURN_SERVER_ALLOWED_HOSTS": "account.northwind.example",
    }
    with running("serve", "--port", str(port), **place, **ENVIRONMENT) as serve:
        serve.wait_for("worker.started")
        assert keyturn("health", "--port", str(port), **place).code == 0
        refused = keyturn("health", "--port", str(port))
    assert refused.code == 1
    assert "answers only the hosts of its server.allowed_hosts" in refused.err


@pytest.mark.usefixtures("migrated")
def test_a_worker_answers_on_its_own_port(keyturn: Keyturn) -> None:
    with running("worker", "--port", "0", **ENVIRONMENT) as worker:
        port = worker.wait_for("/health/ready").rpartition(":")[2].partition("/")[0]
        asked = keyturn("health", "--port", port, "--json")
        assert asked.code == 0
        assert json.loads(asked.out) == {
            "healthy": True,
            "status": 200,
            "message": f"Keyturn on http://127.0.0.1:{port} is ready.",
        }


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
@pytest.mark.usefixtures("migrated")
def test_a_service_behind_a_unix_socket_is_asked_there(keyturn: Keyturn, workplace: Path) -> None:
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), **ENVIRONMENT) as serve:
        serve.wait_for("worker.started")
        asked = keyturn("health", "--uds", str(file))
        assert (asked.code, asked.out) == (0, f"Keyturn on the Unix socket {file} is ready.\n")
        assert serve.end() == 0
    gone = keyturn("health", "--uds", str(file), "--json")
    assert gone.code == 1
    assert json.loads(gone.out)["message"] == f"cannot ask the Unix socket {file}: No such file or directory"


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"], "answers /health/ready with 200, but is not Keyturn"),
        (
            [b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"],
            "answers /health/ready with 404, but is not Keyturn",
        ),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "it does not speak HTTP"),
        (
            [b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", b"\x1b[31m\xff"],
            "answers /health/ready with 200, but is not Keyturn",
        ),
        ([b""], "Remote end closed connection without response"),
    ],
    ids=["something else", "no such page", "no HTTP", "cut off", "closed"],
)
def test_what_is_not_keyturn_is_not_healthy(keyturn: Keyturn, pieces: list[bytes], message: str) -> None:
    with answering(*pieces) as port:
        asked = keyturn("health", "--port", port)
    assert asked.code == 1
    assert message in asked.err
    assert len(asked.err.splitlines()) == 1


@pytest.mark.parametrize("pieces", [[], [OK[at : at + 1] for at in range(len(OK))]], ids=["silent", "a byte a time"])
def test_an_answer_that_does_not_come_in_time_is_not_waited_for(keyturn: Keyturn, pieces: list[bytes]) -> None:
    with answering(*pieces, pause=0.2) as port:
        begun = time.monotonic()
        asked = keyturn("health", "--port", port, "--timeout", "1")
        took = time.monotonic() - begun
    assert (asked.code, asked.err) == (1, f"keyturn: cannot ask http://127.0.0.1:{port}: no answer in time\n")
    assert took < 5


def test_an_endless_answer_is_not_read_to_its_end(keyturn: Keyturn) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000) as port:
        assert "but is not Keyturn" in keyturn("health", "--port", port).err


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "a b", "::1%nowhere", "x" * 300])
def test_a_host_that_is_none_is_a_sentence(keyturn: Keyturn, host: str) -> None:
    asked = keyturn("health", "--host", host, "--port", "8000")
    assert asked.code == 1
    assert asked.err.startswith("keyturn: cannot ask http://")
    assert len(asked.err.splitlines()) == 1


@pytest.mark.parametrize(
    "flags", [["--uds", "x", "--port", "1"], ["--uds", "x", "--host", "y"], ["--timeout", "0"], ["--timeout", "nan"]]
)
def test_flags_that_make_no_sense_are_refused(keyturn: Keyturn, flags: list[str]) -> None:
    assert keyturn("health", *flags).code == 2


@pytest.mark.parametrize(
    ("flags", "absent"),
    [
        (["--port", "1"], {"keyturn.settings", "asyncio", "httpx", "litestar", "sqlalchemy", "uvicorn"}),
        ([], {"httpx", "litestar", "sqlalchemy", "uvicorn"}),
    ],
    ids=["port", "settings"],
)
def test_a_check_loads_little(flags: list[str], absent: set[str]) -> None:
    code = f"""
import sys
from keyturn.cli import keyturn
try:
    keyturn(["health", "--timeout", "1", *{flags}])
except SystemExit:
    print(*sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent.intersection(ran.stdout.split())
