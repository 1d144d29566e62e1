"""The RFC 5322 message that a mail becomes."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest

from keyturn.mail.transports.email import Email
from keyturn.mail.transports.mime import to_mime

MOMENT = datetime(2026, 11, 20, 14, 7, tzinfo=UTC)


def raw(mail: Email) -> bytes:
    return bytes(to_mime(mail, message_id="key-1", date=MOMENT))


def read(mail: Email) -> EmailMessage:
    """Return the message as a mail program reads it."""
    message = message_from_bytes(raw(mail), policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def body_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body([kind])
    assert part
    return str(part.get_content())


def test_the_text_comes_before_the_html(mail: Email) -> None:
    message = read(mail)

    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_headers_say_who_to_whom_and_when(mail: Email) -> None:
    message = read(mail)

    assert message["from"] == mail.sender
    assert message["to"] == mail.to
    assert message["reply-to"] == mail.reply_to
    assert message["date"].datetime == MOMENT
    assert message["message-id"] == "<key-1@northwind.example>"
    assert message["auto-submitted"] == "auto-generated"


def test_without_a_reply_address_there_is_no_header_for_it(mail: Email) -> None:
    assert "reply-to" not in read(msgspec.structs.replace(mail, reply_to=""))


def test_letters_beyond_ascii_survive_in_every_part(mail: Email) -> None:
    message = read(
        msgspec.structs.replace(mail, sender="Schule Grün <a@northwind.example>", subject="Grüße 世界 aus der Schule")
    )

    assert message["from"].addresses[0].display_name == "Schule Grün"
    assert message["subject"] == "Grüße 世界 aus der Schule"
    assert "Grüße" in body_of(message, "plain")
    assert "Grüße" in body_of(message, "html")


def test_an_address_beyond_ascii_can_be_read_back(mail: Email) -> None:
    message = read(msgspec.structs.replace(mail, to="jürgen@pupils.test"))

    assert message["to"].addresses[0].addr_spec == "jürgen@pupils.test"


def test_no_line_is_longer_than_a_server_takes(mail: Email) -> None:
    """RFC 5322 2.1.1: 998 characters, and 78 are better."""
    long = msgspec.structs.replace(mail, text="x" * 5000, html=f"<p>{'y' * 5000}</p>")

    assert max(map(len, raw(long).split(b"\r\n"))) <= 78
    assert body_of(read(long), "plain").strip() == "x" * 5000


@pytest.mark.parametrize("field", ["subject", "to", "sender", "reply_to"])
def test_a_line_break_cannot_start_a_header_of_its_own(mail: Email, field: str) -> None:
    forged = msgspec.structs.replace(mail, **{field: "x@northwind.example\r\nBcc: eve@elsewhere.example"})

    with pytest.raises(ValueError, match="may not contain linefeed"):
        raw(forged)
