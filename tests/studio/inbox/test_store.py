"""What was captured is kept, found and forgotten."""

import os
from pathlib import Path

import pytest
from tests.studio.inbox.mails import mail
from tests.studio.web.fixtures import capture

from keyturn.studio.inbox.captured_mail import Envelope, match_for, search_for
from keyturn.studio.inbox.store import CapturedMails, InboxUnready

pytestmark = pytest.mark.slow


def subjects(captured: CapturedMails, search: str = "") -> list[str]:
    return [kept.subject for kept in captured.newest(search_for(search))]


@pytest.fixture
def three(captured: CapturedMails) -> CapturedMails:
    captured.add(
        bytes(
            mail(
                "Your code is 482913", "ada+login@northwind.example", "Enter it within ten minutes."
            )
        )
    )
    captured.add(
        bytes(
            mail(
                "Welcome aboard",
                "Grace <grace@southwind.example>",
                "",
                html="<p>Choose a <b>pass</b>word</p>",
            )
        )
    )
    captured.add(
        bytes(mail("Rechnung für März", "ada@northwind.example", "Überweisen Sie bis zum 31."))
    )
    return captured


ALL = ["Rechnung für März", "Welcome aboard", "Your code is 482913"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("password", ["Welcome aboard"]),  # the text of HTML
        ("from:school", ALL),
        ("", ALL),
        ("482913", ["Your code is 482913"]),
        ("minut", ["Your code is 482913"]),  # the beginning of a word
        ("ÜBERWEISEN märz", ["Rechnung für März"]),
        ("wind.ex", ALL),  # any part of an address
        ('"code is"', ["Your code is 482913"]),
        ('"is code"', []),
        ("to:grace", ["Welcome aboard"]),
        ("to:ada subject:code", ["Your code is 482913"]),
        ("subject:is", ["Your code is 482913"]),
        ("\u017fubject:is", []),  # a long s
        ('"', ALL),
        ("what:ever", []),
        ("https://", []),
        ('to:"', ALL),
        ("NEAR( AND * ^ : ' ; DROP TABLE mails", []),
        ("\0", ALL),
        ("(" * 400, []),
    ],
)
def test_a_search_finds_what_holds_all_of_its_terms(
    three: CapturedMails, search: str, found: list[str]
) -> None:
    assert subjects(three, search) == found


def test_a_recipient_is_found_by_the_whole_address_in_any_case(three: CapturedMails) -> None:
    three.add(bytes(mail("Hidden")), Envelope(recipients=("boss@northwind.example",)))
    assert three.count(match_for(to="Ada@Northwind.example")) == 2
    assert three.count(match_for(to="boss@northwind.example")) == 1
    assert three.count(match_for(to="ada")) == 0


def test_the_oldest_go_first_by_number_and_by_size() -> None:
    captured = CapturedMails(most=3)
    for number in range(5):
        captured.add(bytes(mail(f"number {number}", f"{number}@northwind.example")))
    assert subjects(captured) == ["number 4", "number 3", "number 2"]
    assert subjects(captured, '"number 1"') == []
    assert len([*captured.folder.iterdir()]) == 3

    captured.close()
    assert not captured.folder.exists(), "a temporary one"

    captured = CapturedMails(size=5_000)
    for number in range(5):
        captured.add(bytes(mail(f"number {number}", text="some words\n" * 180)))
    assert subjects(captured) == ["number 4", "number 3"]
    assert captured.kept == 2


def test_files_that_others_wrote_are_left_out_but_not_deleted_when_there_are_too_many(
    tmp_path: Path,
) -> None:
    name = capture(tmp_path, "From a file")
    captured = CapturedMails(tmp_path, most=1)
    captured.add(bytes(mail("Over SMTP")))
    assert subjects(captured) == ["Over SMTP"]
    assert (tmp_path / name).exists()


def test_a_folder_keeps_mails_beyond_the_end_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "inbox"
    envelope = Envelope(
        sender="app@northwind.example",
        recipients=("boss@northwind.example",),
        username="the app\r\nX: y",
    )
    name = CapturedMails(folder).add(bytes(mail("Kept")), envelope)
    assert ((folder / name).stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    captured = CapturedMails(folder)
    (kept,) = captured.newest(search_for("kept"))
    assert (kept.return_path, kept.delivered_to) == (
        "app@northwind.example",
        ("boss@northwind.example",),
    )
    assert kept.username == "the app X: y"
    assert captured.raw(kept).endswith(bytes(mail("Kept")))


def test_a_file_in_the_place_of_the_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a folder at all")
    with pytest.raises(InboxUnready, match=r"notes\.txt: mails cannot be stored there"):
        CapturedMails(tmp_path / "notes.txt")


def test_the_files_of_a_folder_are_mails_as_long_as_they_are_there(tmp_path: Path) -> None:
    name = capture(tmp_path, "From a file")
    os.utime(tmp_path / name, (-60_000_000_000, -60_000_000_000))
    os.mkfifo(tmp_path / "pipe.eml")
    (tmp_path / "notes.txt").write_text("Subject: Notes\n\n")
    captured = CapturedMails(tmp_path)
    captured.add(bytes(mail("Over SMTP")))
    assert subjects(captured) == ["Over SMTP", "From a file"]
    assert subjects(CapturedMails(tmp_path)) == ["Over SMTP", "From a file"]
    (tmp_path / name).unlink()
    assert subjects(captured) == ["Over SMTP"]
    other = capture(tmp_path, "Another")
    os.utime(tmp_path / other, (1e12, 1e12))
    assert captured.delete(search_for("another")) == 1
    assert not (tmp_path / other).exists()
