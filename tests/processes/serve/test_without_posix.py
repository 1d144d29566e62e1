"""Commands on a system that lacks what Windows lacks.

This hides it from Python; no Windows was at hand.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.processes.serve.workers import ENVIRONMENT
from tests.servers.processes import KEYTURN, output_of, running, running_demo

pytestmark = pytest.mark.long

HIDDEN = """
import asyncio, os, signal, socket, sys

def refuse(*_):
    raise NotImplementedError

asyncio.SelectorEventLoop.add_signal_handler = \
asyncio.SelectorEventLoop.remove_signal_handler = refuse
for module in ("fcntl", "grp", "pwd", "resource", "termios", "uvloop"):
    sys.modules[module] = None
for name in (
    "fork", "forkpty", "geteuid", "getuid", "killpg", "nice",
    "sched_getaffinity", "sched_setaffinity", "O_NOFOLLOW",
):
    delattr(os, name)
for name in ("SIGHUP", "SIGALRM", "SIGPROF", "SIGXCPU", "setitimer", "ITIMER_PROF"):
    delattr(signal, name)
"""


@pytest.fixture
def system(tmp_path: Path) -> Mapping[str, str]:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HIDDEN, "utf-8")
    return ENVIRONMENT | {"PYTHONPATH": str(site)}


@pytest.mark.parametrize("command", ["serve", "worker", "demo"])
def test_the_service_says_in_a_sentence_where_it_runs(
    system: Mapping[str, str], command: str
) -> None:
    with running(command, "--port", "0", **system) as refused:
        assert refused.refusal().endswith(
            "serve, worker and demo run on Linux and macOS: on Windows, run them in WSL or in a "
            "container"
        )


def test_the_studio_shows_a_mail_that_its_own_process_renders(
    system: Mapping[str, str], workplace: Path
) -> None:
    column = "<mj-column><mj-text>Hello {{ name }}</mj-text></mj-column>"
    mail = f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"
    (workplace / "emails").mkdir()
    (workplace / "emails" / "hello.mjml").write_text(mail, "utf-8")
    assert "Hello" in output_of([*KEYTURN, "render", "hello", "--dir", "emails"], **system)
    checked = output_of(
        [*KEYTURN, "check", "emails", "--format", "json", "--fail-on", "never"], **system
    )
    assert json.loads(checked)
    with running_demo([*KEYTURN, "studio", "emails", "--port", "0"], workplace, **system) as shown:
        assert "hello" in shown.visit("Studio").text
        code, rest = shown.interrupt()
        assert (code, "Traceback" in rest) == (0, False)
