"""What `keyturn studio` says and how it ends."""

import os
import re
import select
import signal
import smtplib
import socket
import sys
from pathlib import Path

import httpx2
import pytest
from tests.servers.processes import run, running_demo

pytestmark = pytest.mark.long

STUDIO = [sys.executable, "-m", "keyturn", "studio", "--port", "0"]


def test_it_says_where_it_is_and_ends_with_a_last_line(tmp_path: Path) -> None:
    with running_demo(STUDIO, tmp_path) as studio:
        answer = studio.visit("Studio")
        stranger = [
            studio.get(path).status_code for path in ("/studio", "/studio/static/studio.js")
        ]
        code, rest = studio.interrupt()
    assert (answer.status_code, stranger) == (200, [403, 403])
    _, title, _, first, *rows = studio.greeting.splitlines()
    assert re.fullmatch(r"Keyturn \S+  studio +ready in \d+\.\d s", title)
    assert re.fullmatch(
        r"  Studio       http://[a-z2-7]{16}\.localhost:\d+/studio\?token=[\w-]{22,}", first
    )
    assert re.fullmatch(r"  Templates    the emails that Keyturn sends   \d+ templates", rows[0])
    assert rows[1:] == ["", "  Press Ctrl-C to stop it. Nothing is sent."]
    assert (code, rest.lstrip()) == (0, "Stopped.\n")


DRAFT = {"file": "welcome.html", "text": "<p>Typed</p>"}
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def emails(tmp_path: Path) -> str:
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "welcome.html").write_text("<title>Hello</title><p>Hello</p>")
    return "emails"


def test_without_a_token_it_answers_every_user_of_this_machine_and_sends_into_its_inbox(
    tmp_path: Path, emails: str
) -> None:
    command = [*STUDIO, emails, "--smtp", "0", "--no-token", "--no-edit"]
    with (
        running_demo(command, tmp_path, KEYTURN_STUDIO_TOKEN="x" * 22) as studio,
        httpx2.Client(
            base_url=studio.url, headers=OURS, follow_redirects=True, timeout=30
        ) as client,
    ):
        answers = [client.get(path).status_code for path in ("/studio/inbox", "/api/messages")]
        refused = client.post("/studio/drafts/welcome", json=DRAFT).json()["detail"]
        page = client.post("/studio/send/welcome", data={"to": "ada@northwind.example"}).text
        (mail,) = client.get("/api/messages").json()["messages"]
        assert studio.interrupt()[1].lstrip() == "Stopped.\n"
    assert answers == [200, 200]
    assert "?token=" not in studio.greeting
    assert (
        "Without a token, all users and programs of this machine can use this studio."
        in studio.greeting
    )
    assert "started with --no-edit" in refused
    assert "Sent to ada@northwind.example" in page
    assert 'It is in the <a href="/studio/inbox">inbox</a>.' in page
    assert mail["Subject"] == "[Preview] Hello"


def test_bound_to_more_than_this_machine_it_shows_an_address_with_a_token(
    tmp_path: Path, emails: str
) -> None:
    command = [*STUDIO, emails, "--host", "0.0.0.0", "--smtp", "0", "--edit"]  # noqa: S104
    with (
        running_demo(command, tmp_path) as studio,
        httpx2.Client(
            base_url=studio.url, headers=OURS, follow_redirects=True, timeout=30
        ) as invited,
    ):
        shown = re.search(r"Studio +http://\S+/studio\?token=(\S+)", studio.greeting)
        stranger = studio.get("/studio")
        assert shown
        opened = studio.visit("Studio")
        bearer = {"authorization": f"Bearer {shown[1]}"}
        invited.headers |= bearer
        typed = invited.get(invited.post("/studio/drafts/welcome", json=DRAFT).json()["frame"]).text
        programs = [
            studio.get("/api/messages", headers=headers).status_code for headers in ({}, bearer)
        ]
        studio.interrupt()
    assert (stranger.status_code, opened.status_code) == (403, 200)
    assert "Typed" in typed
    assert programs == [401, 200]
    assert "Anyone with this address and token can read these mails." in studio.greeting


def test_it_catches_what_any_app_sends_and_keeps_it_in_a_folder_which_needs_no_server(
    tmp_path: Path,
) -> None:
    command = [*STUDIO, "--no-token", "--smtp", "0", "--inbox", "caught"]
    for subjects in (["First"], ["First", "Second"]):
        with running_demo(command, tmp_path) as studio:
            caught = re.search(r"SMTP +127\.0\.0\.1:(\d+) ", studio.greeting)
            assert caught
            with smtplib.SMTP("127.0.0.1", int(caught[1]), timeout=10) as client:
                client.sendmail(
                    "app@a.example", ["ada@b.example"], f"Subject: {subjects[-1]}\r\n\r\nHello\r\n"
                )
            page = studio.get("/studio", follow_redirects=True).text  # it opens on the inbox
            code, _ = studio.interrupt()
        assert [
            subject for subject in ("First", "Second") if f'<b dir="auto">{subject}</b>' in page
        ] == subjects
        assert code == 0
    with running_demo([*STUDIO, "--no-token", "--inbox", "caught"], tmp_path) as studio:
        assert '<b dir="auto">First</b>' in studio.get("/studio", follow_redirects=True).text
        studio.interrupt()
    assert f"  Inbox        {studio.url}/studio/inbox\n" in studio.greeting


@pytest.mark.parametrize(
    "how", [signal.SIGINT, signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)]
)
def test_however_it_ends_while_a_template_runs_away_no_process_is_left(
    tmp_path: Path, how: signal.Signals
) -> None:
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "endless.html").write_text(
        "{% for one in range(10 ** 12) %}{% endfor %}"
    )
    (tmp_path / "emails" / "welcome.html").write_text("<p>Hello</p>")
    (tmp_path / "keyturn.toml").write_text('[studio]\nfolder = "emails"\nlimit_seconds = 300\n')
    with running_demo([*STUDIO, "emails", "--no-token", "--trust"], tmp_path) as studio:
        host, port = studio.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as stuck:
            stuck.sendall(
                f"GET /studio/frames/endless HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
            )
            assert "Hello" in studio.get("/studio/frames/welcome").text
            workers = [os.pidfd_open(pid) for pid in _processes_below(studio.process.pid)]
            code, rest = studio.interrupt(how)
    assert len(workers) >= 2, "one that starts others, and one that renders"
    for worker in workers:
        assert select.select([worker], [], [], 30)[0], "it has ended"
        os.close(worker)
    if how != signal.SIGKILL:
        assert (code, rest.lstrip()) == (0, "Stopped.\n")


def test_a_port_for_mails_that_is_taken_is_a_sentence_with_the_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run([*STUDIO, "--smtp", str(taken.getsockname()[1])], tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "choose another port with --smtp" in ended.stderr


def _processes_below(parent: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for child in map(int, children) for pid in (child, *_processes_below(child))]
