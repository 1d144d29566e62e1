"""What lies in a folder and cannot be read: told with file and reason, in bounded time; the rest is
rendered.
"""

import os
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.studio.folders import make, written
from tests.studio.web.fixtures import opened

from keyturn.studio.gallery import MailName
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.baseline import Baseline, write_baseline
from keyturn.studio.snapshots import Snapshot, SnapshotFolder
from keyturn.studio.web.app import Studio

pytestmark = pytest.mark.long

MAIL = "<!doctype html><html lang='en'><title>News</title><p>Hello {{ name }}</p></html>"
NO_FILE = "is not a regular file, but a pipe, a socket or a device"
TOO_DEEP = "Values are nested more than 100 levels deep"


@pytest.fixture
def emails(workplace: Path) -> Path:
    return written(
        workplace / "emails", {"news.html": MAIL, "other.html": MAIL.replace("name", "other")}
    )


JSON, TOML = b"news.samples.json", b"news.samples.toml"
TOLD: dict[str, tuple[bytes, bytes | str, str]] = {
    "a pipe": (b"p.mjml", "pipe", f"skipped emails/p.mjml: it {NO_FILE}"),
    "a socket": (b"p.mjml", "socket", f"skipped emails/p.mjml: it {NO_FILE}"),
    "a name": (
        b"caf\xe9.html",
        MAIL.encode(),
        "skipped emails/caf\\xe9.html: it has a name that is not UTF-8",
    ),
    "a folder": (
        b"caf\xe9/a.html",
        MAIL.encode(),
        "skipped emails/caf\\xe9: it has a name that is not UTF-8",
    ),
    "a link": (b"self", "here", "skipped emails/self: it is a link to a folder above it"),
    "folders": (
        b"d/" * 100 + b"mail.html",
        MAIL.encode(),
        "/d/d: it is nested more than 64 folders deep",
    ),
    "a pipe for samples": (TOML, "pipe", f"cannot be read: it {NO_FILE}"),
    "a pipe in samples": (b"samples/news.json", "pipe", f"cannot be read: it {NO_FILE}"),
    "a link to itself": (TOML, "loop", "symbolic links"),
    "deep JSON": (JSON, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, TOO_DEEP),
    "JSON that is deep later": (
        JSON,
        b'{"first": {"name": ' + b"[" * 900 + b"]" * 900 + b"}}",
        TOO_DEEP,
    ),
    "deep TOML": (TOML, b"[first]\nname = " + b"[" * 3000 + b"]" * 3000, TOO_DEEP),
    "deep tables of TOML": (TOML, b".".join([b"a"] * 3000) + b" = 1\n", TOO_DEEP),
    "a huge file": (JSON, "huge", "cannot be read: it has more than 10 MB"),
}
CHECK, RENDER = ("check", "emails", "--fail-on", "never"), ("render", "other", "--dir", "emails")


def put(folder: Path, name: bytes, thing: bytes | str) -> None:
    if thing == "huge":
        (folder / os.fsdecode(name)).touch()
        os.truncate(folder / os.fsdecode(name), 3_000_000_000)
    elif thing == "here":
        (folder / os.fsdecode(name)).symlink_to(".")
    else:
        make(folder, {name: thing})


@pytest.mark.parametrize(("name", "thing", "says"), TOLD.values(), ids=TOLD)
def test_what_cannot_be_read_is_told_and_the_others_are_rendered(
    keyturn: Keyturn, emails: Path, name: bytes, thing: bytes | str, says: str
) -> None:
    put(emails, name, thing)
    checked, other = keyturn(*CHECK), keyturn(*RENDER)
    assert says.lower() in (checked.out + checked.err).lower()
    assert other.code == 0
    assert "Traceback" not in checked.err + other.err

    asked = ("templates/other", "templates/news", "frames/news", "sheet", "findings", "source/news")
    with opened(
        Studio(gallery=open_gallery(emails, sandboxed=True), sender="ada@example.test", token="")
    ) as client:
        assert [page for page in asked if client.get(f"/studio/{page}").status_code >= 500] == []
        assert client.get("/studio/frames/other").status_code == 200


@pytest.mark.parametrize("name", [b"keyturn.toml", b"pyproject.toml"])
@pytest.mark.parametrize(
    "thing", ["pipe", "loop", b"[studio]\nglobals.x = " + b"[" * 5000 + b"]" * 5000, "huge"]
)
def test_settings_that_cannot_be_read_are_told(
    keyturn: Keyturn, emails: Path, name: bytes, thing: bytes | str
) -> None:
    put(emails, name, thing)

    for command in (CHECK, RENDER):
        refused = keyturn(*command)
        assert (refused.code, "Traceback" in refused.err) == (1, False)
        assert f"{emails / name.decode()}: cannot be read: " in refused.err


def test_an_include_of_a_pipe_is_a_finding(keyturn: Keyturn, emails: Path) -> None:
    os.mkfifo(emails / "pipe.html")
    (emails / "news.html").write_text("{% set name = 'pipe.html' %}{% include name %}", "utf-8")

    assert "'pipe.html' is not a regular file, so it is not read" in keyturn("check", "emails").out


def test_what_is_written_goes_through_no_link(emails: Path, workplace: Path) -> None:
    (workplace / "mine").mkdir()
    mine = workplace / "mine" / "first.html"
    mine.write_text("mine")
    stored = SnapshotFolder(emails / "snapshots")
    (emails / "snapshots" / "news").mkdir(parents=True)
    (emails / "snapshots" / "linked").symlink_to(workplace / "mine")
    for link in (
        "keyturn-baseline.json",
        "snapshots/news/first.html",
        "snapshots/news/.first.html.half",
    ):
        (emails / link).symlink_to(mine)

    write_baseline(emails / "keyturn-baseline.json", Baseline())
    assert stored.read(MailName("news", "first")) is None
    stored.write(MailName("news", "first"), Snapshot("theirs\n"))
    with pytest.raises(LookupError, match="a link leads out of the folder"):
        stored.write(MailName("linked", "first"), Snapshot("theirs\n"))

    assert mine.read_text() == "mine"
    assert "version" in (emails / "keyturn-baseline.json").read_text()
    assert stored.read(MailName("news", "first")) == Snapshot("theirs\n")


def test_settings_that_are_refused_control_no_terminal(keyturn: Keyturn, emails: Path) -> None:
    (emails / "keyturn.toml").write_text(
        '[studio]\n"\\u001b[31mkey" = 1\ntimezone = "\\u001b]0;title\\u0007"\n'
    )

    refused = keyturn("check", "emails")

    assert refused.code == 1
    assert "no such time zone: \ufffd]0;title\ufffd" in refused.err
    assert not {"\x1b", "\x07"} & set(refused.err)
