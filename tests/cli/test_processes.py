"""serve --processes: several processes answer on one address, and SIGHUP replaces them without losing a request."""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
import pytest
from tests.cli.command import ADA, PASSWORD, Keyturn
from tests.cli.process import Running, running, running_program
from tests.cli.test_serve_worker import wait_for_end
from tests.databases import PostgresServer

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.long,
]

ENVIRONMENT = {"KEYTURN_ENVIRONMENT": "development", "KEYTURN_MAIL_TRANSPORT": "capture", "KEYTURN_LOGS_FORMAT": "json"}
READY = "Keyturn answers on "
REQUEST = "/api/auth/request-password-reset"


def url_of(serve: Running) -> str:
    return serve.wait_for(READY).partition(READY)[2]


def pids_of(serve: Running) -> set[int]:
    """Return the processes that answer, or are about to end."""
    listed = Path(f"/proc/{serve.process.pid}/task/{serve.process.pid}/children").read_text("utf-8")
    return {int(pid) for pid in listed.split()}


def reload(serve: Running, times: int = 1) -> None:
    serve.process.send_signal(signal.SIGHUP)
    serve.wait_for('"server.replaced"', times)


@contextmanager
def connected(url: str) -> Iterator[HTTPConnection]:
    """Yield a connection that is never made a second time."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.connect()
    connection.auto_open = False
    try:
        yield connection
    finally:
        connection.close()


def asked(connection: HTTPConnection, path: str = "/health/live") -> HTTPResponse:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer


@pytest.mark.usefixtures("migrated")
def test_a_reload_replaces_each_process_and_loses_no_request() -> None:
    stopped = threading.Event()
    answers: list[int] = []
    faults: list[Exception] = []

    def ask(*, once: bool) -> None:
        while not stopped.is_set():
            try:
                with connected(url) as connection:
                    while not stopped.is_set():
                        answer = asked(connection)
                        answers.append(answer.status)
                        if once or answer.will_close:
                            break
            except Exception as error:  # noqa: BLE001 - each is a lost request
                faults.append(error)
                return

    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url = url_of(serve)
        (before,) = pids_of(serve)
        ended = os.pidfd_open(before)
        clients = [threading.Thread(target=ask, kwargs={"once": number % 2 == 0}) for number in range(6)]
        for client in clients:
            client.start()
        try:
            for times in (1, 2, 3):
                reload(serve, times)
        finally:
            stopped.set()
            for client in clients:
                client.join()
        assert not faults
        assert set(answers) == {200}
        assert len(answers) > 100
        wait_for_end(ended)
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_what_is_on_its_way_at_a_reload_is_answered_by_the_old_process_and_closes_its_connection() -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url = url_of(serve)
        (old,) = pids_of(serve)
        ended = os.pidfd_open(old)
        with connected(url) as idle, connected(url) as halfway:
            assert not asked(idle).will_close
            assert halfway.sock
            halfway.sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            reload(serve)
            serve.wait_for("Shutting down")  # the old process knows

            answer = asked(idle)
            assert (answer.status, answer.getheader("connection")) == (200, "close")
            halfway.sock.sendall(b"\r\n")
            late = HTTPResponse(halfway.sock)
            late.begin()
            assert (late.status, late.getheader("connection")) == (200, "close")
        wait_for_end(ended)
        assert asked_anew(url) == 200
        assert serve.end() == 0


def asked_anew(url: str) -> int:
    return httpx.get(f"{url}/health/live").status_code


@pytest.mark.usefixtures("migrated")
def test_new_processes_have_the_settings_of_the_moment(workplace: Path) -> None:
    settings = workplace / "keyturn.toml"
    settings.write_text('[brand]\nname = "Northwind"\n', "utf-8")
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url = url_of(serve)
        assert "Northwind" in httpx.get(f"{url}/forgot-password").text
        settings.write_text('[brand]\nname = "Southwind"\n', "utf-8")
        reload(serve)
        serve.wait_for("Finished server process")

        assert "Southwind" in httpx.get(f"{url}/forgot-password").text
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_with_settings_that_are_wrong_the_old_processes_stay_and_the_fault_is_told(workplace: Path) -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url = url_of(serve)
        before = pids_of(serve)
        (workplace / "keyturn.toml").write_text('[server]\nport = "soon"\n', "utf-8")
        serve.process.send_signal(signal.SIGHUP)

        serve.wait_for("server.port")
        told = json.loads(serve.wait_for("server.not_replaced"))
        assert (told["level"], told["error"]) == ("error", "process 1 ended with 1 before it answered")
        assert pids_of(serve) == before
        assert asked_anew(url) == 200

        (workplace / "keyturn.toml").unlink()
        reload(serve)
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_a_reload_that_comes_before_anything_answers_ends_nothing() -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        serve.wait_for("Started server process")  # of the first one, which does not answer yet
        reload(serve)
        assert asked_anew(url_of(serve)) == 200
        assert serve.end() == 0


def environment_in(folder: Path) -> None:
    """Make a virtual environment with this Keyturn, and its command."""
    scripts = folder / "bin"
    scripts.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text("utf-8"), "utf-8")
    (scripts / "python").symlink_to(sys.executable)
    command = scripts / "keyturn"
    command.write_text(f"#!{scripts / 'python'}\nfrom keyturn.__main__ import main\n\nmain()\n", "utf-8")
    command.chmod(0o755)


def program_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text("utf-8").partition("\0")[0]


@pytest.mark.usefixtures("migrated")
def test_new_processes_are_of_the_version_that_a_symbolic_link_leads_to_at_the_reload(tmp_path: Path) -> None:
    environment_in(tmp_path / "1.0")
    environment_in(tmp_path / "1.1")
    current = tmp_path / "current"
    current.symlink_to("1.0")
    paths = os.pathsep.join(path for path in sys.path if path)
    with running_program(
        [str(current / "bin/keyturn"), "serve", "--port", "0", "--processes", "1"],
        None,
        PYTHONPATH=paths,
        **ENVIRONMENT,
    ) as serve:
        url = url_of(serve)
        (before,) = pids_of(serve)
        assert program_of(before) == str(tmp_path / "1.0/bin/python")

        current.unlink()
        current.symlink_to("1.1")
        reload(serve)
        assert str(tmp_path / "1.1/bin/python") in {program_of(pid) for pid in pids_of(serve) - {before}}
        assert asked_anew(url) == 200
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_while_no_process_can_be_started_the_old_one_answers(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    (tmp_path / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text("utf-8"), "utf-8")
    paths = os.pathsep.join(path for path in sys.path if path)
    with running_program(
        [str(python), "-m", "keyturn", "serve", "--port", "0", "--processes", "1"],
        None,
        PYTHONPATH=paths,
        **ENVIRONMENT,
    ) as serve:
        url = url_of(serve)
        (pid,) = pids_of(serve)
        python.unlink()
        serve.process.send_signal(signal.SIGHUP)
        assert json.loads(serve.wait_for("server.not_replaced"))["replaced"] == 0
        assert asked_anew(url) == 200

        os.kill(pid, signal.SIGKILL)
        serve.wait_for("server.ended", 2)
        python.symlink_to(sys.executable)
        serve.wait_for("Application startup complete", 2)
        assert asked_anew(url) == 200
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_a_stop_does_not_wait_for_the_slow_clients_of_a_replaced_process() -> None:
    with running(
        "serve", "--port", "0", "--processes", "1", KEYTURN_SERVER_REQUEST_TIMEOUT="60s", **ENVIRONMENT
    ) as serve:
        url = url_of(serve)
        with connected(url) as slow:
            assert slow.sock
            slow.sock.sendall(b"POST /api/auth/request-password-reset HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            assert asked_anew(url) == 200
            reload(serve)
            begun = monotonic()
            assert serve.end() == 0
            assert monotonic() - begun < 20, "it waited for its client"


@pytest.mark.usefixtures("migrated")
def test_a_process_that_is_killed_is_started_again() -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url = url_of(serve)
        (pid,) = pids_of(serve)
        os.kill(pid, signal.SIGKILL)

        told = json.loads(serve.wait_for("server.ended"))
        assert (told["pid"], told["code"], told["pause_s"]) == (pid, -signal.SIGKILL, 0.5)
        serve.wait_for("Application startup complete", 2)
        assert asked_anew(url) == 200
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_the_processes_end_if_the_one_that_started_them_is_killed() -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url = url_of(serve)
        (pid,) = pids_of(serve)
        ended = os.pidfd_open(pid)
        serve.process.kill()

        wait_for_end(ended)
        with pytest.raises(httpx.ConnectError):
            asked_anew(url)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("migrated")
def test_a_signal_ends_all_processes_with_0(number: signal.Signals) -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as serve:
        url_of(serve)
        (pid,) = pids_of(serve)
        ended = os.pidfd_open(pid)
        assert serve.end(number) == 0
        wait_for_end(ended)


def test_several_processes_count_together_send_each_mail_once_and_run_one_worker(
    postgresql: PostgresServer, workplace: Path, keyturn: Keyturn
) -> None:
    environment = ENVIRONMENT | {"KEYTURN_DATABASE_URL": postgresql.migrated()}
    added = keyturn("accounts", "add", ADA, "--password-stdin", stdin=PASSWORD, **environment)
    assert added.code == 0, added.err
    with running("serve", "--port", "0", "--processes", "3", **environment) as serve:
        url = url_of(serve)
        assert len(pids_of(serve)) == 3
        assert httpx.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202
        for _ in range(9):
            assert httpx.post(f"{url}{REQUEST}", json={"email": "x"}).status_code == 400
        serve.wait_for('"mail.sent"')

        metrics = [httpx.get(f"{url}/metrics").text for _ in range(9)]
        for text in metrics:
            assert 'keyturn_requests_total{kind="request",outcome="malformed"} 9.0' in text
            assert 'keyturn_messages_total{kind="reset_requested",outcome="sent"} 1.0' in text
            assert "keyturn_outbox_waiting 0.0" in text
        assert len([line for line in serve.said if "worker.started" in line]) == 1
        reload(serve)
        assert len(pids_of(serve)) >= 3
        text = httpx.get(f"{url}/metrics").text
        assert 'keyturn_requests_total{kind="request",outcome="malformed"} 9.0' in text, "the counts stay"
        assert serve.end() == 0
    assert len(list((workplace / ".keyturn" / "mail").glob("[!.]*.eml"))) == 1


@pytest.mark.usefixtures("migrated")
def test_sqlite_has_one_process() -> None:
    with running("serve", "--port", "0", "--processes", "2", **ENVIRONMENT) as refused:
        assert refused.process.wait(30) == 1
        refused.wait_for("--processes: more than one process needs PostgreSQL in database.url. This is SQLite.")
        assert len(refused.said) == 1


def test_a_database_that_was_not_migrated_is_told_once() -> None:
    with running("serve", "--port", "0", "--processes", "1", **ENVIRONMENT) as refused:
        assert refused.process.wait(30) == 1
        refused.wait_for("run `keyturn migrate`")
        refused.wait_for("process 1 ended with 1 before it answered")
        assert len(refused.said) == 2


@pytest.mark.parametrize("count", ["0", "65", "all"])
def test_what_is_no_number_of_processes_is_refused(keyturn: Keyturn, count: str) -> None:
    assert keyturn("serve", "--processes", count).code == 2


# A Unix socket


@contextmanager
def over(file: Path) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(file)), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("more", [(), ("--processes", "1")], ids=["one", "processes"])
def test_a_unix_socket_is_for_its_owner_and_group_and_is_gone_at_the_end(
    more: tuple[str, ...], workplace: Path
) -> None:
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), *more, **ENVIRONMENT) as serve:
        serve.wait_for(f"Keyturn answers on the Unix socket {file}")
        assert oct(file.stat().st_mode & 0o777) == "0o660"
        with over(file) as client:
            assert client.get("/health/live").status_code == 200
        assert serve.end() == 0
    assert not file.exists()


@pytest.mark.parametrize(("proxies", "address"), [("127.0.0.1", "203.0.113.7"), ("", "127.0.0.1")])
def test_behind_a_unix_socket_the_proxy_is_this_machine(
    with_ada: Keyturn, workplace: Path, proxies: str, address: str
) -> None:
    environment = ENVIRONMENT | {"KEYTURN_SERVER_TRUSTED_PROXIES": proxies}
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), **environment) as serve:
        serve.wait_for(READY)
        with over(file) as client:
            asked = client.post(REQUEST, json={"email": ADA}, headers={"X-Forwarded-For": "203.0.113.7"})
            assert asked.status_code == 202
        serve.wait_for('"mail.sent"')
        assert serve.end() == 0
    (entry,) = json.loads(with_ada("audit", "--json", **ENVIRONMENT).out)
    assert entry["ip_address"] == address


@pytest.mark.usefixtures("migrated")
def test_the_socket_of_a_program_that_was_killed_is_replaced_and_one_in_use_is_not(workplace: Path) -> None:
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), **ENVIRONMENT) as killed:
        killed.wait_for(READY)
        killed.process.kill()
        killed.process.wait(30)
    assert file.exists()
    with running("serve", "--uds", str(file), **ENVIRONMENT) as serve:
        serve.wait_for(READY)
        with running("serve", "--uds", str(file), **ENVIRONMENT) as refused:
            assert refused.process.wait(30) == 1
            refused.wait_for(f"cannot listen on {file} (Address already in use): choose another file with --uds")
        with over(file) as client:
            assert client.get("/health/live").status_code == 200
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_a_file_that_is_no_socket_stays_as_it_is(workplace: Path) -> None:
    file = workplace / "notes.txt"
    file.write_text("mine", "utf-8")
    with running("serve", "--uds", str(file), **ENVIRONMENT) as refused:
        assert refused.process.wait(30) == 1
        refused.wait_for(f"cannot listen on {file} (Address already in use)")
    assert file.read_text("utf-8") == "mine"


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("name", ["missing/keyturn.sock", "x" * 120])
def test_a_socket_that_cannot_be_is_one_sentence(name: str) -> None:
    with running("serve", "--uds", name, **ENVIRONMENT) as refused:
        assert refused.process.wait(30) == 1
        assert re.search(r"cannot listen on .* \(.+\): choose another file with --uds", refused.said[0])
        assert len(refused.said) == 1
