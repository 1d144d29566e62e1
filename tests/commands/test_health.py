"""health: asks a running API or worker, and is right whatever answers, or does not."""

import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email import message_from_bytes
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer

import httpx2
import pytest
from tests.commands.command import ADA, Keyturn
from tests.driver.service import BEARER
from tests.processes.serve.workers import ENVIRONMENT
from tests.servers.processes import running

pytestmark = pytest.mark.long


@pytest.mark.usefixtures("migrated")
def test_a_service_is_found_from_its_settings_and_as_healthy_as_its_database(
    keyturn: Keyturn, workplace: Path
) -> None:
    host = {"KEYTURN_SERVER_HOST": "0.0.0.0"}  # noqa: S104 - as in a container
    with running("serve", "--port", "0", **host, **ENVIRONMENT) as serve:
        port = serve.url.rpartition(":")[2]
        place = {**host, "KEYTURN_SERVER_PORT": port}
        serve.wait_for("worker.started")
        healthy = keyturn("health", **place)
        assert (healthy.code, healthy.out, healthy.err) == (
            0,
            f"Keyturn on http://127.0.0.1:{port} is ready.\n",
            "",
        )
        Path("keyturn.toml").write_text(
            f'[server]\nport = {port}\nhots = "x"\n[token]\nttl = "soon"\n'
        )  # by now
        assert keyturn("health", KEYTURN_SECRET_KEY_FILE="/nowhere").code == 0
        Path("keyturn.toml").unlink()
        with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
            database.execute("DROP TABLE keyturn_migrations")
        ill = keyturn("health", **place)
        assert (ill.code, ill.out) == (1, "")
        assert ill.err == (
            f"keyturn: Keyturn on http://127.0.0.1:{port} is not ready:"
            " its database, its accounts or its worker does not answer\n"
        )
        assert serve.end() == 0
    assert (
        keyturn("health", **place).err
        == f"keyturn: cannot ask http://127.0.0.1:{port}: Connection refused\n"
    )


@pytest.mark.usefixtures("migrated")
def test_a_worker_sends_what_waits_answers_health_and_metrics_and_ends_cleanly(
    keyturn: Keyturn,
) -> None:
    assert keyturn("accounts", "add", ADA).code == 0
    with running("worker", "--port", "0", **ENVIRONMENT) as worker:
        worker.wait_for('"mail.sent"')
        port = worker.wait_for("/health/ready").rpartition(":")[2].partition("/")[0]
        asked = keyturn("health", "--port", port)
        assert (asked.code, asked.out) == (0, f"Keyturn on http://127.0.0.1:{port} is ready.\n")
        metrics = f"http://127.0.0.1:{port}/metrics"
        assert "keyturn_outbox_waiting 0.0" in httpx2.get(metrics, headers=BEARER, timeout=30).text
        assert httpx2.get(metrics, timeout=30).status_code == 404
        assert worker.end(signal.SIGINT) == 0
        assert not any("Traceback" in line for line in worker.said)
    (file,) = Path(".keyturn/mail").glob("[!.]*.eml")
    assert message_from_bytes(file.read_bytes())["to"] == ADA


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "/health/ready answers with 404, but is not Keyturn",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it does not speak HTTP"),
    ],
)
def test_what_is_not_keyturn_is_not_healthy(keyturn: Keyturn, answer: bytes, message: str) -> None:
    class Answer(StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(answer)

    with TCPServer(("127.0.0.1", 0), Answer) as server, ThreadPoolExecutor(1) as thread:
        thread.submit(server.handle_request)
        asked = keyturn("health", "--port", str(server.server_address[1]))
    assert (asked.code, message in asked.err, len(asked.err.splitlines())) == (1, True, 1)
