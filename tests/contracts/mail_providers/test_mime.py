"""The RFC 5322 message that a mail becomes."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.mail.port.email import Email
from keyturn.mail.port.mime import bare_address, needs_utf8, to_mime

pytestmark = pytest.mark.slow

MOMENT = datetime(2026, 11, 20, 14, 7, tzinfo=UTC)


def raw(mail: Email) -> bytes:
    return to_mime(mail, key="key-1", date=MOMENT)


def read(mail: Email) -> EmailMessage:
    message = message_from_bytes(raw(mail), policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def written_by_email_message(mail: Email) -> EmailMessage:
    """Return the mail as the standard library writes it, read back."""
    message = EmailMessage(policy=policy.SMTP)
    headers = {
        "From": mail.sender,
        "To": mail.to,
        "Subject": mail.subject,
        "Date": format_datetime(MOMENT),
    }
    headers |= {"Message-ID": "<key-1@northwind.example>", **mail.headers, "MIME-Version": "1.0"}
    for name, value in headers.items():
        message[name] = value
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    found = message_from_bytes(bytes(message), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body([kind])
    assert part
    return str(part.get_content())


@pytest.mark.parametrize("local", ["try..this", ".this", "this.", "a...b."])
def test_a_local_part_with_dots_that_smtp_does_not_know_is_quoted(mail: Email, local: str) -> None:
    sent = msgspec.structs.replace(mail, to=f"{local}@docomo.example")

    assert f'\r\nTo: "{local}"@docomo.example\r\n'.encode() in raw(sent)
    assert bare_address(sent.to) == f'"{local}"@docomo.example'
    assert read(sent)["to"].addresses[0].username == local


_PIECES = st.sampled_from([
    "word", "x" * 75, "x" * 76, "x" * 998, " ", "  ", "\t", "\n", "\r\n", "\r",
    ".", "=", "=20", "=?utf-8?q?a?=", "=_", "--=_keyturn--", "From ",
    "\x00", "\x0b", "\x85", "\u2028", "ü", "世界", "مرحبا", "\u202e", "\U0001f600",
    "<b>", "&", '"', "\\", ",", "@", "(",
])  # fmt: skip
bodies = st.lists(_PIECES, max_size=60).map("".join) | st.text(max_size=300)
lines = bodies.map(lambda text: " ".join("".join(filter(str.isprintable, text)).split())[:300])
names = st.sampled_from(
    [
        "",
        "Northwind",
        "Northwind, School",
        "Schule Grün",
        "学校 " * 30,
        "مدرسة",
        "x" * 120,
        "\U0001f600",
        "Schule Grün für Boote, Häfen, Leuchttürme und alles andere an der See, im Norden, Kiel",
    ]
)


@given(bodies, bodies, lines, names)
def test_a_mail_is_read_as_if_email_message_had_written_it(
    text: str, html: str, subject: str, name: str
) -> None:
    sender = formataddr((name, "accounts@northwind.example"))
    mail = Email(
        sender=sender,
        to="ada@pupils.test",
        subject=subject,
        text=text,
        html=html,
        headers={"X-Id": "a-1"},
    )

    message, expected = read(mail), written_by_email_message(mail)

    assert message.keys() == expected.keys()
    for header in {*message.keys()} - {"Content-Type"}:
        assert message[header] == expected[header], header
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        assert body_of(message, kind) == body_of(expected, kind)
    assert b"\r" not in raw(mail).replace(b"\r\n", b"")
    assert b"\n" not in raw(mail).replace(b"\r\n", b"")
    assert max(map(len, raw(mail).split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76, "RFC 2045, 6.7"
    assert max(map(len, raw(mail).split(b"\r\n"))) <= 998, "RFC 5322, 2.1.1"


def test_a_long_name_with_commas_keeps_its_quotation_marks(mail: Email) -> None:
    """EmailMessage itself loses them where it folds the header."""
    name = "Northwind School for Boats, Harbours, Lighthouses and Everything Else by the Sea, Leeds"
    sent = msgspec.structs.replace(mail, sender=formataddr((name, "accounts@northwind.example")))

    assert [one.display_name for one in read(sent)["from"].addresses] == [name]


def test_a_reply_address_beyond_ascii_asks_nothing_of_the_server(mail: Email) -> None:
    assert not needs_utf8(msgspec.structs.replace(mail, reply_to="jürgen@northwind.example"))
    assert not needs_utf8(msgspec.structs.replace(mail, sender="Schule Grün <a@northwind.example>"))
    assert needs_utf8(msgspec.structs.replace(mail, to="jürgen@pupils.test"))


@pytest.mark.parametrize("field", ["sender", "to", "reply_to"])
def test_an_international_domain_is_written_in_a_labels(mail: Email, field: str) -> None:
    written = getattr(msgspec.structs.replace(mail, **{field: "Ada <ada@bücher.example>"}), field)

    assert written == "Ada <ada@xn--bcher-kva.example>"


def test_a_mail_with_a_line_break_in_a_header_does_not_exist_for_any_provider(mail: Email) -> None:
    stored = msgspec.json.encode(mail).replace(
        b"auto-generated", b"auto\\r\\nBcc: eve@elsewhere.example"
    )

    for end in ("\n", "\r", "\r\n", "\u2028"):
        with pytest.raises(ValueError, match="line breaks"):
            msgspec.structs.replace(mail, sender=f"accounts@northwind.example{end}")
    with pytest.raises(ValueError, match="line breaks"):
        msgspec.json.decode(stored, type=Email)


BREAK = "x@northwind.example\r\nBcc: eve@elsewhere.example"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"headers": {"subject": "another"}}, "twice"),  # RFC 5322, 3.6
        *(
            ({"headers": {name: "value"}}, "not a valid header name")
            for name in ("", "X Y", "X:Y", "X\r\nBcc", "Ü")
        ),
        *(
            ({field: BREAK}, "may not contain linefeed")
            for field in ("subject", "to", "sender", "reply_to")
        ),
    ],
)
def test_what_would_be_another_header_is_not_written(
    mail: Email, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        raw(msgspec.structs.replace(mail, **changes))
