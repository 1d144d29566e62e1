"""`keyturn render-server` as a process: where it listens, whom it lets in, and how it ends."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.cli.command import Keyturn

pytestmark = pytest.mark.long


def write_mail(folder: Path) -> Path:
    folder.mkdir()
    (folder / "welcome.html").write_text("<p>Welcome, {{ name }}</p>")
    return folder


def test_the_server_says_where_it_is_renders_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    folder = write_mail(tmp_path / "emails")
    command = [sys.executable, "-m", "keyturn", "render-server", str(folder), "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        line = next(line for line in process.stdout if "/api/render" in line)
        address = re.search(r"http://127\.0\.0\.1:\d+/api/render", line)
        assert address
        answer = httpx.post(address[0], json={"template": "welcome", "data": {"name": "Ada"}}, timeout=30)
        assert answer.json()["html"] == "<p>Welcome, Ada</p>"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "why"),
    [
        (["emails", "--host", "192.0.2.7"], {}, "other machines can reach 192.0.2.7: set KEYTURN_RENDER_TOKEN"),
        (["emails"], {"KEYTURN_RENDER_TOKEN": "short"}, "KEYTURN_RENDER_TOKEN: a token must have 22 to 200"),
        (["nowhere"], {}, "there is no folder nowhere"),
        (["empty"], {}, "empty has no templates"),
    ],
)
def test_what_keeps_the_server_from_starting_is_one_sentence(
    keyturn: Keyturn, arguments: list[str], environment: dict[str, str], why: str
) -> None:
    write_mail(Path("emails"))
    Path("empty").mkdir()
    refused = keyturn("render-server", *arguments, **environment)

    assert refused.code == 1
    assert why in refused.err
