"""serve --workers and --uds: several processes answer on one address; a proxy reaches them through
a file.
"""

import json
import os
import signal
import sys
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import ADA, PASSWORD, Keyturn
from tests.driver.service import BEARER, REQUEST
from tests.processes.serve.workers import ENVIRONMENT, end_worker, wait_for_end, worker_of
from tests.servers.databases import PostgresServer
from tests.servers.processes import Running, running

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.long,
]


def pids_of(serve: Running) -> set[int]:
    threads = Path(f"/proc/{serve.process.pid}/task").glob("*/children")
    return {int(pid) for thread in threads for pid in thread.read_text("utf-8").split()}


@pytest.fixture
def several(postgresql: PostgresServer, keyturn: Keyturn) -> dict[str, str]:
    """Return what several processes need to serve one database, in which Ada has an account."""
    several = ENVIRONMENT | {"KEYTURN_DATABASE_URL": postgresql.migrated()}
    added = keyturn("accounts", "add", ADA, "--password-stdin", stdin=PASSWORD, **several)
    assert added.code == 0, added.err
    return several


def test_several_processes_count_together_send_mails_once_run_one_worker_hide_secrets_and_restart(
    several: dict[str, str], workplace: Path
) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    with running(
        "serve", "--port", "0", "--workers", "3", KEYTURN_SECRET_KEY=secret, **several
    ) as serve:
        serve.wait_for("Application startup complete", 3)
        assert serve.post(REQUEST, json={"email": ADA}).status_code == 202
        for _ in range(9):
            assert serve.post(REQUEST, json={"email": "x"}).status_code == 400
        serve.wait_for('"mail.sent"')
        assert len([line for line in serve.said if "worker.started" in line]) == 1
        arguments = [
            Path(f"/proc/{pid}/cmdline").read_bytes() for pid in {*pids_of(serve), worker_of(serve)}
        ]
        assert len(arguments) >= 4
        assert not any(secret.encode() in words for words in arguments)
        end_worker(serve)

        metrics = [serve.get("/metrics", headers=BEARER).text for _ in range(9)]
        for text in metrics:
            assert 'keyturn_requests_total{kind="request",outcome="malformed"} 9.0' in text
            assert 'keyturn_messages_total{kind="reset_requested",outcome="sent"} 1.0' in text
            assert "keyturn_outbox_waiting 0.0" in text

        os.kill(max(pids_of(serve) - {worker_of(serve, 2)}), signal.SIGKILL)
        serve.wait_for("died")
        serve.wait_for("Application startup complete", 4)
        assert serve.get("/health/live").status_code == 200
        ended = [os.pidfd_open(pid) for pid in pids_of(serve)]
        assert serve.end(signal.SIGINT) == 0
        for process in ended:
            wait_for_end(process)
        assert not any("Traceback" in line for line in serve.said)
    assert len(list((workplace / ".keyturn" / "mail").glob("[!.]*.eml"))) == 1


@pytest.mark.parametrize("processes", [1, 2])
def test_who_has_workers_elsewhere_gets_none_here(several: dict[str, str], processes: int) -> None:
    words = ("serve", "--port", "0", "--workers", str(processes))
    with running(*words, KEYTURN_SERVER_WORKER="none", **several) as serve:
        serve.wait_for("Application startup complete", processes)
        assert serve.post(REQUEST, json={"email": ADA}).status_code == 202
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids_of(serve)]
        assert not [command for command in commands if b"worker" in command]
        assert serve.get("/health/ready").status_code == 200
        with running("worker", **several) as elsewhere:
            elsewhere.wait_for('"mail.sent"')
        assert serve.end() == 0


def over(file: Path) -> httpx2.Client:
    return httpx2.Client(
        transport=httpx2.HTTPTransport(uds=str(file)), base_url="http://127.0.0.1:8000", timeout=30
    )


@pytest.mark.parametrize(
    ("proxies", "address", "processes"), [("127.0.0.1", "203.0.113.7", 1), ("", "127.0.0.1", 2)]
)
def test_a_unix_socket_is_for_its_owner_and_group_and_the_proxy_behind_it_is_this_machine(
    several: dict[str, str],
    keyturn: Keyturn,
    workplace: Path,
    proxies: str,
    address: str,
    processes: int,
) -> None:
    environment = several | {"KEYTURN_SERVER_TRUSTED_PROXIES": proxies}
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), "--workers", str(processes), **environment) as serve:
        serve.wait_for(f"Keyturn answers on the Unix socket {file}")
        serve.wait_for("Application startup complete", processes)
        assert oct(file.stat().st_mode & 0o777) == "0o660"
        with over(file) as client:
            asked = client.post(
                REQUEST, json={"email": ADA}, headers={"X-Forwarded-For": "203.0.113.7"}
            )
            assert asked.status_code == 202
        serve.wait_for('"mail.sent"')
        assert serve.end() == 0
    (entry,) = json.loads(keyturn("audit", "--json", **environment).out)
    assert entry["ip_address"] == address


@pytest.mark.usefixtures("migrated")
def test_a_killed_program_s_socket_is_replaced_one_in_use_is_not_and_several_need_postgresql(
    workplace: Path,
) -> None:
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), **ENVIRONMENT) as killed:
        killed.wait_for("Keyturn answers on ")
        killed.process.kill()
        killed.process.wait(30)
    assert file.exists()
    with running("serve", "--uds", str(file), **ENVIRONMENT) as serve:
        serve.wait_for("Keyturn answers on ")
        with running("serve", "--uds", str(file), **ENVIRONMENT) as refused:
            assert (
                f"cannot listen on {file} (Address already in use): choose another"
                in refused.refusal()
            )
        with running("serve", "--port", "0", "--workers", "2", **ENVIRONMENT) as refused:
            assert refused.refusal().endswith(" needs PostgreSQL in database.url. This is SQLite.")
        with over(file) as client:
            assert client.get("/health/live").status_code == 200
        assert serve.end() == 0
