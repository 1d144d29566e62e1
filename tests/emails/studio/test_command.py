"""What `keyturn studio` says and how it ends."""

import re
import sys
from pathlib import Path

import httpx
from tests.demo.process import running_demo


def test_it_says_where_it_is_and_ends_with_a_last_line(tmp_path: Path) -> None:
    with running_demo([sys.executable, "-m", "keyturn", "studio", "--port", "0"], tmp_path) as studio:
        answer = httpx.get(f"{studio.url}/studio", follow_redirects=True)
        code, rest = studio.interrupt()
    assert answer.status_code == 200
    _, title, _, *rows = studio.greeting.splitlines()
    assert re.fullmatch(r"Keyturn \S+  studio +ready in \d+\.\d s", title)
    assert rows == [
        f"  Studio       {studio.url}/studio",
        "  Templates    the emails that Keyturn sends   4 templates",
        "",
        "  Ctrl-C ends it. Nothing is sent.",
    ]
    assert (code, rest.lstrip()) == (0, "Ended. Nothing was sent.\n")


def test_bound_to_more_than_this_machine_it_shows_an_address_with_a_token(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keyturn", "studio", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    with running_demo(command, tmp_path) as studio:
        shown = re.search(r"http://\S+\?token=\S+", studio.greeting)
        stranger = httpx.get(f"{studio.url}/studio")
        assert shown
        invited = httpx.get(shown[0], follow_redirects=True)
        studio.interrupt()
    assert (stranger.status_code, invited.status_code) == (403, 200)
    assert "Who has the address with the token reads these mails, too." in studio.greeting
    assert "Nothing is sent." not in studio.greeting


def test_mails_of_a_folder_that_names_no_sender_come_from_a_neutral_one(tmp_path: Path) -> None:
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "welcome.html").write_text("<p>Hello</p>")
    command = [sys.executable, "-m", "keyturn", "studio", "emails", "--port", "0"]
    with running_demo(command, tmp_path) as studio:
        page = httpx.get(f"{studio.url}/studio/templates/welcome?tab=headers").text
        studio.interrupt()
    assert "Your app &lt;hello@example.test&gt;" in page
