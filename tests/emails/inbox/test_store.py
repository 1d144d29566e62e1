"""What was captured is kept, found and forgotten."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from tests.emails.inbox.mails import mail
from tests.emails.studio.fixtures import capture

from keyturn.studio.inbox.query import EVERYTHING, search_condition, sent_to, with_id
from keyturn.studio.inbox.store import CapturedMails, MailRetention
from keyturn.studio.inbox.summary import Envelope
from keyturn.studio.inbox.table import MailStoreUnready

pytestmark = pytest.mark.slow


def subjects(captured: CapturedMails, search: str = "") -> list[str]:
    return [kept.subject for kept in captured.newest(search_condition(search))]


@pytest.fixture
def three(captured: CapturedMails) -> CapturedMails:
    captured.add(bytes(mail("Your code is 482913", "ada+login@northwind.example", "Enter it within ten minutes.")))
    captured.add(
        bytes(mail("Welcome aboard", "Grace <grace@southwind.example>", html="<p>Choose a <b>pass</b>word</p>"))
    )
    captured.add(bytes(mail("Rechnung für März", "ada@northwind.example", "Überweisen Sie bis zum 31.")))
    return captured


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("from:school larger:10 smaller:1M is:unread", ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),
        ("after:2020-01-01", ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),
        ("", ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),
        ("482913", ["Your code is 482913"]),
        ("minut", ["Your code is 482913"]),  # the beginning of a word
        ("ÜBERWEISEN märz", ["Rechnung für März"]),
        ("northwind -code", ["Rechnung für März", "Welcome aboard"]),
        ("wind.ex", ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),  # any part of an address
        ('"code is"', ["Your code is 482913"]),
        ('"is code"', []),
        ("to:grace", ["Welcome aboard"]),
        ("to:ada subject:code", ["Your code is 482913"]),
        ("!to:ada", ["Welcome aboard"]),
        ("subject:is", ["Your code is 482913"]),
        ("tag:login", ["Your code is 482913"]),
        ("is:tagged", ["Your code is 482913"]),
        ("is:read", []),
        ("before:2020-01-01", []),
        ("larger:1M", []),
        (f"larger:{'9' * 400}", []),
        ("larger:99999999999999999999g", []),
        ("has:attachment", []),
        ('"', ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),
        ("what:ever", []),
        ("https://", []),
        ('to:"', ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),
        ("NEAR( AND * ^ : ' ; DROP TABLE mails", []),
        ("\0", ["Rechnung für März", "Welcome aboard", "Your code is 482913"]),
        ("(" * 400, []),
    ],
)
def test_a_search_finds_what_holds_all_of_its_terms(three: CapturedMails, search: str, found: list[str]) -> None:
    assert subjects(three, search) == found


def test_the_text_of_html_is_searched_where_there_is_no_other(captured: CapturedMails) -> None:
    captured.add(
        b"Subject: a\r\nContent-Type: text/html\r\n\r\n<style>.hidden{}</style><p>Choose a <b>pass</b>phrase</p>"
    )
    assert subjects(captured, "passphrase") == ["a"]
    assert subjects(captured, "hidden") == []


def test_a_recipient_is_found_by_the_whole_address_in_any_case(three: CapturedMails) -> None:
    three.add(bytes(mail("Hidden")), Envelope(recipients=("boss@northwind.example",)))
    assert three.count(sent_to("Ada@Northwind.example")) == 2
    assert three.count(sent_to("boss@northwind.example")) == 1
    assert three.count(sent_to("ada")) == 0


def test_the_oldest_go_first_by_number_and_by_size() -> None:
    captured = CapturedMails(retention=MailRetention(mails=3))
    for number in range(5):
        captured.add(bytes(mail(f"number {number}", f"{number}@northwind.example")))
    assert subjects(captured) == ["number 4", "number 3", "number 2"]
    assert subjects(captured, '"number 1"') == []
    assert captured.count(sent_to("1@northwind.example")) == 0

    captured = CapturedMails(retention=MailRetention(size=5_000))
    for number in range(5):
        captured.add(bytes(mail(f"number {number}", text="some words\n" * 180)))
    assert subjects(captured) == ["number 4", "number 3"]
    assert captured.kept == 2


def test_deleting_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "inbox.sqlite"
    captured = CapturedMails(file)
    raw = bytes(mail("A subject", "someone@northwind.example"))
    for number in range(450):
        captured.add(raw.replace(b"someone", b"ada+%d" % (number % 2)))
    assert captured.delete(with_id(captured.newest()[0].id)) == 1
    assert captured.delete(search_condition("tag:0")) == 225
    assert captured.kept == captured.count() == 224
    captured.close()
    assert _rows(file) == {"mails": 224, "contents": 224, "recipients": 224, "tags": 224, "words": 224, "heads": 224}
    captured = CapturedMails(file)
    assert captured.delete(EVERYTHING) == 224
    captured.add(bytes(mail("after it")))
    assert subjects(captured, "after") == ["after it"]
    captured.close()
    assert _rows(file) == {"mails": 1, "contents": 1, "recipients": 1, "tags": 0, "words": 1, "heads": 1}


def _rows(file: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        tables = ("mails", "contents", "recipients", "tags", "words", "heads")
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608


def test_a_file_keeps_mails_beyond_the_end_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "inbox.sqlite"
    captured = CapturedMails(file)
    captured.add(bytes(mail("Kept")))
    assert file.stat().st_mode & 0o777 == 0o600
    captured.close()
    captured = CapturedMails(file)
    assert subjects(captured, "kept") == ["Kept"]
    assert b"Hello Ada" in captured.raw(captured.newest()[0])
    captured.close()


def test_a_file_that_another_has_open_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "inbox.sqlite"
    captured = CapturedMails(file)
    with pytest.raises(MailStoreUnready, match="locked"):
        CapturedMails(file)
    captured.close()


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database at all, " * 100)
    with contextlib.closing(sqlite3.connect(tmp_path / "app.sqlite")) as database:
        database.execute("CREATE TABLE mails (number INTEGER)")
    for name in ("notes.txt", "app.sqlite"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(MailStoreUnready, match="not a file of captured mails"):
            CapturedMails(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(MailStoreUnready, match="cannot be stored there"):
        CapturedMails(tmp_path / "notes.txt" / "inbox.sqlite")


def test_the_files_of_a_folder_are_among_them_as_long_as_they_are_there(tmp_path: Path) -> None:
    name = capture(tmp_path / "inbox", "From a file")
    captured = CapturedMails(tmp_path / "inbox.sqlite", tmp_path / "inbox")
    captured.add(bytes(mail("Over SMTP")))
    assert sorted(subjects(captured)) == ["From a file", "Over SMTP"]
    captured.close()
    captured = CapturedMails(tmp_path / "inbox.sqlite", tmp_path / "inbox")
    assert sorted(subjects(captured)) == ["From a file", "Over SMTP"]
    (tmp_path / "inbox" / name).unlink()
    assert subjects(captured) == ["Over SMTP"]
    other = capture(tmp_path / "inbox", "Another")
    assert captured.delete(search_condition("another")) == 1
    assert not (tmp_path / "inbox" / other).exists()
    captured.close()


def test_mails_are_counted_as_far_as_was_asked(three: CapturedMails) -> None:
    everything = search_condition("northwind")
    assert [three.count(everything, most) for most in (-1, 0, 2, 3, 9)] == [3, 0, 2, 3, 3]
