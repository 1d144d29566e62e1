"""What the pages are told of the disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.studio.web.fixtures import GREETING, capture, write_templates

from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.web.app import Studio


@pytest.fixture
def events(served: str, studio: Studio) -> Iterator[Iterator[str]]:
    """Listen as a page does, once the watch has begun."""
    with httpx2.stream("GET", f"{served}/events", timeout=10) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert [next(lines), next(lines)] == ["event: watching", "data: "], "or browsers ignore it"
        yield (line.removeprefix("event: ") for line in lines if line.startswith("event: "))
        studio.stopping.set()


def test_a_folder_that_goes_and_comes_back_is_watched_again(
    events: Iterator[str], folder: Path
) -> None:
    shutil.rmtree(folder)
    assert next(events) == "saved"
    write_templates(folder)
    assert next(events) == "saved"


def test_each_kind_of_save_is_told_until_the_server_ends(
    events: Iterator[str], folder: Path, studio: Studio
) -> None:
    for file in (
        "greeting/greeting.mjml",
        "_layout/base.mjml",
        "greeting/samples.toml",
        "greeting/greeting.txt",
    ):
        (folder / file).write_text((folder / file).read_text() + "\n")
        assert next(events) == "saved"
    old = folder.parent / "old.mjml"
    old.write_text(GREETING)
    os.utime(old, (1, 1))
    old.rename(folder / "greeting" / "greeting.mjml")
    assert next(events) == "saved", "a file that is moved here"
    studio.stopping.set()
    assert list(events) == []


def test_a_mail_is_told_also_in_a_new_folder(
    events: Iterator[str], inbox: Path, captured: CapturedMails
) -> None:
    capture(inbox, "Welcome")
    assert next(events) == "mail"
    captured.add(b"Subject: x\r\n\r\n")
    assert next(events) == "mail"
