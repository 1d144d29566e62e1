"""Commands on a system that lacks what Windows lacks. This hides it from Python; no Windows was at hand."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from tests.cli.command import ADA, PASSWORD
from tests.cli.process import Running, running
from tests.cli.test_serve_worker import ENVIRONMENT, REQUEST, url_of, wait_for_mail, worker_of
from tests.demo.process import running_demo

pytestmark = pytest.mark.long

HIDDEN = """
import asyncio, os, signal, socket, sys

def refuse(*_):
    raise NotImplementedError

asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.remove_signal_handler = refuse
for module in ("fcntl", "grp", "pwd", "resource", "termios", "uvloop"):
    sys.modules[module] = None
for name in (
    "fork", "forkpty", "geteuid", "getuid", "killpg", "nice", "sched_getaffinity", "sched_setaffinity", "O_NOFOLLOW",
):
    delattr(os, name)
for name in ("SIGHUP", "SIGALRM", "SIGPROF", "SIGXCPU", "setitimer", "ITIMER_PROF"):
    delattr(signal, name)
"""


@pytest.fixture
def system(tmp_path: Path) -> Mapping[str, str]:
    """Return the environment of a process on such a system."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HIDDEN, "utf-8")
    return ENVIRONMENT | {"PYTHONPATH": str(site)}


def done(system: Mapping[str, str], *words: str, given: str = "") -> str:
    """Run a command to its end, and return what it prints."""
    command = [sys.executable, "-m", "keyturn", *words]
    ended = subprocess.run(
        command, env={**os.environ, **system}, input=given, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def assert_no_traceback(command: Running) -> None:
    assert not any("Traceback" in line for line in command.said), "\n".join(command.said)


@pytest.mark.usefixtures("with_ada")
def test_serve_and_its_worker_run(system: Mapping[str, str], workplace: Path) -> None:
    with running("serve", "--port", "0", **system) as serve:
        url = url_of(serve)
        worker = worker_of(serve)
        assert httpx.post(f"{url}{REQUEST}", json={"email": ADA}).status_code == 202
        wait_for_mail(workplace)
        os.kill(worker, signal.SIGTERM)
        assert json.loads(serve.wait_for("worker.ended"))["code"] == "0", "a signal is a clean end"
        assert serve.end() == 0
    assert_no_traceback(serve)


@pytest.mark.usefixtures("migrated")
def test_a_worker_alone_ends_cleanly(system: Mapping[str, str]) -> None:
    with running("worker", "--port", "0", **system) as worker:
        worker.wait_for("/health/ready")
        assert worker.end() == 0
    assert_no_traceback(worker)


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("option", [("--workers", "2"), ("--uds", "keyturn.sock")])
def test_what_needs_posix_says_so_in_a_sentence(system: Mapping[str, str], option: tuple[str, str]) -> None:
    with running("serve", *option, **system) as refused:
        assert refused.process.wait(30) == 1
        refused.wait_for("--uds and --processes: this system, such as Windows, has no Unix sockets and no SIGHUP.")
        assert len(refused.said) == 1


@pytest.mark.usefixtures("migrated")
def test_two_processes_count_their_limits_apart_because_no_lock_on_a_file_keeps_the_second_out(
    system: Mapping[str, str],
) -> None:
    with running("serve", "--port", "0", "--no-worker", **system) as one:
        first = url_of(one)
        with running("serve", "--port", "0", "--no-worker", **system) as other:
            assert httpx.get(f"{url_of(other)}/health/live").status_code == 200
            assert httpx.get(f"{first}/health/live").status_code == 200


def test_an_operator_s_commands_run(system: Mapping[str, str]) -> None:
    assert "0012" in done(system, "migrate", "--plan")
    assert "Updated the database" in done(system, "migrate")
    done(system, "accounts", "add", ADA, "--password-stdin", given=PASSWORD)
    assert ADA in done(system, "accounts", "list")
    done(system, "accounts", "reset", ADA, "--yes")
    assert "waiting" in done(system, "outbox", "list")
    assert done(system, "audit") == "No entries yet.\n", "the worker, which does not run here, writes them"
    assert ADA in done(system, "mailbox", "show", ADA)
    done(system, "outbox", "hold")
    assert "Released: 1 mail" in done(system, "outbox", "release")
    done(system, "purge")
    checks = {found["check"]: found["verdict"] for found in json.loads(done(system, "doctor", "--json"))}
    assert (checks["database"], checks["accounts"]) == ("ok", "ok")


def test_the_demo_answers(system: Mapping[str, str], workplace: Path) -> None:
    with running_demo([sys.executable, "-m", "keyturn", "demo", "--port", "0"], workplace, **system) as demo:
        assert httpx.get(demo.url, follow_redirects=True).status_code == 200
        code, rest = demo.interrupt()
        assert (code, "Traceback" in rest) == (0, False)


def test_the_studio_shows_a_mail_that_is_checked_and_rendered_in_its_own_process(
    system: Mapping[str, str], workplace: Path
) -> None:
    column = "<mj-column><mj-text>Hello {{ name }}</mj-text></mj-column>"
    mail = f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"
    (workplace / "emails").mkdir()
    (workplace / "emails" / "hello.mjml").write_text(mail, "utf-8")
    assert "Hello" in done(system, "render", "hello", "--dir", "emails")
    assert json.loads(done(system, "check", "emails", "--format", "json", "--fail-on", "never"))
    with running_demo(
        [sys.executable, "-m", "keyturn", "studio", "emails", "--port", "0"], workplace, **system
    ) as shown:
        assert "hello" in httpx.get(shown.url, follow_redirects=True).text
        code, rest = shown.interrupt()
        assert (code, "Traceback" in rest) == (0, False)
