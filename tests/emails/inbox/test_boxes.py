"""Inboxes of their own: the user of the SMTP server chooses one, with its password and its retention."""

import smtplib
import socket
import time
from collections.abc import Iterator

import pytest
from tests.emails.inbox.mails import mail

from keyturn.emails.inbox.boxes import Boxes, NamedBox
from keyturn.emails.inbox.query import search_condition
from keyturn.emails.inbox.smtp_server import SmtpServer
from keyturn.emails.inbox.store import CapturedMails, MailRetention
from keyturn.emails.inbox.summary import Envelope

KEY = "kT3vQ9mXh2Jr0pZsYc7LwA"


@pytest.fixture
def boxes(captured: CapturedMails) -> Iterator[Boxes]:
    shop = NamedBox(mails=CapturedMails(retention=MailRetention(mails=2)), password="shop's own", key=KEY)
    yield Boxes(captured, {"shop": shop})
    shop.mails.close()


def send(boxes: Boxes, subject: str, *login: str) -> None:
    server = SmtpServer(socket.create_server(("127.0.0.1", 0)), boxes)
    with server.running(), smtplib.SMTP(*server.address, timeout=10) as client:
        if login:
            client.login(*login)
        client.send_message(mail(subject))


def subjects(mails: CapturedMails) -> list[str]:
    return [each.subject for each in mails.newest()]


def test_the_user_chooses_the_inbox_and_others_use_the_usual_one(boxes: Boxes) -> None:
    send(boxes, "Order", "shop", "shop's own")
    send(boxes, "Welcome")
    send(boxes, "Report", "billing", "whatever")
    assert subjects(boxes.of_user("shop")) == ["Order"]
    assert subjects(boxes.usual) == ["Report", "Welcome"]
    assert boxes.kept == 3


def test_the_user_of_an_inbox_needs_its_password(boxes: Boxes) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        send(boxes, "Order", "shop", "wrong")
    assert refused.value.smtp_code == 535
    assert boxes.kept == 0


def test_each_inbox_has_its_own_retention(boxes: Boxes) -> None:
    for number in range(4):
        boxes.of_user("shop").add(bytes(mail(str(number))))
        boxes.usual.add(bytes(mail(str(number))))
    assert subjects(boxes.of_user("shop")) == ["3", "2"]
    assert len(subjects(boxes.usual)) == 4


@pytest.mark.parametrize("key", [b"", b"wrong", KEY[:-1].encode(), b"\xff"])
def test_only_the_key_opens_an_inbox(boxes: Boxes, key: bytes) -> None:
    assert boxes.of_key(KEY.encode()) is boxes.of_user("shop")
    assert boxes.of_key(key) is None


def test_a_mail_that_is_too_old_goes_and_is_reported_to_those_who_wait() -> None:
    mails = CapturedMails(retention=MailRetention(age=3_600))
    mails.add(bytes(mail("New")))
    old = mails.add(bytes(mail("Old")))
    mails._table._database.execute("UPDATE mails SET arrived = ? WHERE id = ?", (time.time() - 3_601, old))
    before = mails.arrivals.revision
    mails.expire()
    assert subjects(mails) == ["New"]
    assert mails.kept == 1
    assert mails.arrivals.revision == before + 1
    mails.expire()
    assert mails.arrivals.revision == before + 1
    mails.close()


def test_a_mail_of_long_ago_that_was_opened_as_a_file_is_not_too_old() -> None:
    mails = CapturedMails(retention=MailRetention(age=3_600))
    mails.add(bytes(mail("Of 2001")), at=1e9)
    mails.expire()
    assert subjects(mails) == ["Of 2001"]
    mails.close()


def test_names_and_texts_of_attachments_are_searched(captured: CapturedMails) -> None:
    with_files = mail("Invoice")
    with_files.add_attachment("Position;Price\nMagnolia;12\n", subtype="csv", filename="positions-2026.csv")
    with_files.add_attachment(b"%PDF hyacinth", maintype="application", subtype="pdf", filename="terms.pdf")
    captured.add(bytes(with_files))
    captured.add(bytes(mail("Without")))
    for search, count in {"magnolia": 1, "positions": 1, "terms.pdf": 1, "hyacinth": 0}.items():
        assert captured.count(search_condition(search)) == count, search


def test_the_recipients_of_the_envelope_are_kept_as_they_were(captured: CapturedMails) -> None:
    captured.add(bytes(mail()), Envelope(recipients=("ada@northwind.example", "list@northwind.example")))
    assert captured.newest()[0].summary.delivered_to == ("ada@northwind.example", "list@northwind.example")
