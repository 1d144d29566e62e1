"""What lies in a folder and cannot be read: told with its file and the reason, in bounded time; all else is drawn."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.cli.command import Keyturn

from keyturn.studio.gallery import MailName
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.baseline import Baseline, write_baseline
from keyturn.studio.snapshots import Snapshot, SnapshotFolder
from keyturn.studio.web import Studio, create_studio_app

pytestmark = pytest.mark.long

MAIL = "<!doctype html><html lang='en'><title>News</title><p>Hello {{ name }}</p></html>"
NO_FILE = "is not a regular file, but a pipe, a socket or a device"
TOO_DEEP = "Values are nested more than 100 levels deep"


@pytest.fixture(autouse=True)
def at_most_a_minute() -> Iterator[None]:
    """Fail where something waits for a pipe's writer."""

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def emails(workplace: Path) -> Iterator[Path]:
    (workplace / "emails").mkdir()
    (workplace / "emails" / "news.html").write_text(MAIL, "utf-8")
    (workplace / "emails" / "other.html").write_text(MAIL.replace("name", "other"), "utf-8")
    yield workplace / "emails"
    subprocess.run(["rm", "-rf", str(workplace / "emails")], check=True)  # folders that are too deep for pytest


def pipe(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(folder / name)

    return make


def text(name: str, content: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")

    return make


def octets(name: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        file = folder / os.fsdecode(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(MAIL, "utf-8")

    return make


def sparse(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with (folder / name).open("w") as file:
            file.write("{" if name.endswith("json") else MAIL)
            file.truncate(3_000_000_000)

    return make


def socket_file(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(folder)  # an address has room for 107 octets
        listening.bind("p.mjml")
        os.chdir(here)


def loop(folder: Path) -> None:
    (folder / "news.samples.toml").symlink_to("news.samples.toml")


def deep_folders(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)
    for _ in range(1200):
        Path("d").mkdir()
        os.chdir("d")
    os.chdir(here)


TOLD = {
    "a pipe": (pipe("p.mjml"), f"skipped emails/p.mjml: it {NO_FILE}"),
    "a socket": (socket_file, f"skipped emails/p.mjml: it {NO_FILE}"),
    "a file whose name is not UTF-8": (
        octets(b"caf\xe9.html"),
        "skipped emails/caf\\xe9.html: it has a name that is not UTF-8",
    ),
    "a folder whose name is not UTF-8": (
        octets(b"caf\xe9/a.html"),
        "skipped emails/caf\\xe9: it has a name that is not UTF-8",
    ),
    "folders within folders": (deep_folders, "/d/d: it is nested more than 64 folders deep"),
}
UNREADABLE = {
    "a pipe": (pipe("news.samples.toml"), f"cannot be read: it {NO_FILE}"),
    "a pipe in samples": (pipe("samples/news.json"), f"cannot be read: it {NO_FILE}"),
    "a link to itself": (loop, "symbolic links"),
    "a name that is not UTF-8": (octets(b"samples/news/caf\xe9.json"), "caf\\xe9.json"),
    "deep JSON": (text("news.samples.json", '{"a":' * 100_000 + "1" + "}" * 100_000), TOO_DEEP),
    "JSON that is deep for what reads it later": (
        text("news.samples.json", '{"first": {"name": ' + "[" * 900 + "]" * 900 + "}}"),
        TOO_DEEP,
    ),
    "deep TOML": (text("news.samples.toml", "[first]\nname = " + "[" * 3000 + "]" * 3000), TOO_DEEP),
    "deep tables of TOML": (text("news.samples.toml", ".".join("a" * 3000) + " = 1\n"), TOO_DEEP),
    "a number without end": (text("news.samples.json", '{"first": {"name": ' + "9" * 10_000 + "}}"), "4300 digits"),
    "half a character": (text("news.samples.json", r'{"first": {"name": "\ud800"}}'), "half a character"),
    "a huge file": (sparse("news.samples.json"), "cannot be read: it has more than 10 MB"),
}
COMMANDS = {
    "check": ("check", "emails", "--fail-on", "never"),
    "render": ("render", "other", "--dir", "emails"),
}


def pages(folder: Path) -> dict[str, int]:
    """Return what the pages of the studio answer."""
    studio = Studio(gallery=open_gallery(folder, sandboxed=True), sender="ada@example.test", token="")
    asked = ("templates/other", "templates/news", "frames/other", "frames/news", "sheet", "findings", "source/news")
    with TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001") as client:
        return {page: client.get(f"/studio/{page}").status_code for page in asked}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", TOLD)
def test_what_is_no_template_is_told_and_the_others_are_drawn(
    keyturn: Keyturn, emails: Path, case: str, command: str
) -> None:
    make, says = TOLD[case]
    make(emails)

    told = keyturn(*COMMANDS[command])

    assert says in told.err
    assert (told.code, "Traceback" in told.err) == (0, False)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", UNREADABLE)
def test_samples_that_cannot_be_read_are_told_by_file_and_the_other_mails_are_drawn(
    keyturn: Keyturn, emails: Path, case: str, command: str
) -> None:
    make, says = UNREADABLE[case]
    make(emails)

    told = keyturn(*COMMANDS[command])

    assert "Traceback" not in told.err
    if command == "render":
        assert (told.code, "Hello Ada" in told.out) == (0, False)
        assert says in keyturn("render", "news", "--dir", "emails").err
    else:
        assert says.lower() in (told.out + told.err).lower()


@pytest.mark.parametrize("case", [*TOLD, *UNREADABLE])
def test_pages_of_the_studio_say_what_cannot_be_read(emails: Path, case: str) -> None:
    (TOLD | UNREADABLE)[case][0](emails)

    answers = pages(emails)

    assert {page: answer for page, answer in answers.items() if answer >= 500} == {}
    assert answers["frames/other"] == 200


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["keyturn.toml", "pyproject.toml"])
@pytest.mark.parametrize("kind", ["pipe", "link", "deep", "huge"])
def test_settings_that_cannot_be_read_are_told(
    keyturn: Keyturn, emails: Path, command: str, name: str, kind: str
) -> None:
    match kind:
        case "pipe":
            os.mkfifo(emails / name)
        case "link":
            (emails / name).symlink_to(name)
        case "deep":
            (emails / name).write_text("[studio]\nglobals.x = " + "[" * 5000 + "]" * 5000)
        case "huge":
            sparse(name)(emails)

    refused = keyturn(*COMMANDS[command])

    assert refused.code == 1
    assert f"{emails / name}: cannot be read: " in refused.err
    assert "Traceback" not in refused.err


def test_an_include_of_a_pipe_is_a_finding(keyturn: Keyturn, emails: Path) -> None:
    os.mkfifo(emails / "pipe.html")
    (emails / "news.html").write_text("{% set name = 'pipe.html' %}{% include name %}", "utf-8")

    told = keyturn("check", "emails")

    assert "'pipe.html' is not a regular file, so it is not read" in told.out


def test_a_baseline_that_is_a_link_is_replaced_and_what_it_led_to_stays(emails: Path, workplace: Path) -> None:
    (workplace / "mine").write_text("mine")
    (emails / "keyturn-baseline.json").symlink_to(workplace / "mine")

    write_baseline(emails / "keyturn-baseline.json", Baseline())

    assert (workplace / "mine").read_text() == "mine"
    assert "version" in (emails / "keyturn-baseline.json").read_text()


def test_snapshots_are_written_and_read_through_no_link(emails: Path, workplace: Path) -> None:
    (workplace / "mine").mkdir()
    (workplace / "mine" / "first.html").write_text("mine")
    stored = SnapshotFolder(emails / "snapshots")
    (emails / "snapshots" / "news").mkdir(parents=True)
    (emails / "snapshots" / "linked").symlink_to(workplace / "mine")
    (emails / "snapshots" / "news" / "first.html").symlink_to(workplace / "mine" / "first.html")
    (emails / "snapshots" / "news" / ".first.html.half").symlink_to(workplace / "mine" / "first.html")

    assert stored.read(MailName("news", "first")) is None
    stored.write(MailName("news", "first"), Snapshot("theirs"))
    with pytest.raises(LookupError, match="a link leads out of the folder"):
        stored.write(MailName("linked", "first"), Snapshot("theirs"))

    assert (workplace / "mine" / "first.html").read_text() == "mine"
    assert stored.read(MailName("news", "first")) == Snapshot("theirs")


def test_settings_that_are_refused_control_no_terminal(keyturn: Keyturn, emails: Path) -> None:
    (emails / "keyturn.toml").write_text('[studio]\n"\\u001b[31mkey" = 1\ntimezone = "\\u001b]0;title\\u0007"\n')

    refused = keyturn("check", "emails")

    assert refused.code == 1
    assert "no such time zone: \ufffd]0;title\ufffd" in refused.err
    assert "\x1b" not in refused.err
    assert "\x07" not in refused.err
