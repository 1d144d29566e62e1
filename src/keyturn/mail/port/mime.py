"""Writes a mail as an RFC 5322 message, in a tenth of the time that `email.message` takes."""

import re
from binascii import b2a_qp
from datetime import datetime
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from textwrap import wrap
from typing import Any

from keyturn.mail.port.email import Email

_BOUNDARY = "=_keyturn"
"""Quoted-printable text never contains "=_" (RFC 2045, 6.7, note 1), so the boundary cannot occur
in a part.
"""

_HEAD_OF_PART = (
    f"--{_BOUNDARY}\r\n"
    'Content-Type: text/{}; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)
_HEAD_OF_TEXT = _HEAD_OF_PART.format("plain").encode()
_HEAD_OF_HTML = _HEAD_OF_PART.format("html").encode()
_END = f"--{_BOUNDARY}--\r\n".encode()

_PLAIN_FIELD = re.compile(r"(?!.*=\?)[!-9;-~]+: [!-~]+(?: [!-~]+)*")
"""A header that needs no encoding (RFC 5322, 2.2; RFC 2047, 2), if it is short enough."""

_LONGEST_LINE = 78
"""Without the line break (RFC 5322, 2.1.1)."""

_LOCAL_PART = re.compile(r"(?:(?<=^)|(?<=<))(?=\.|[^@\s\"<>]*\.(?:\.|@))[^@\s\"<>]+(?=@[^@]+$)")
"""A local part that begins or ends with a dot, or has two in a row."""

_MAILBOXES = frozenset(("From", "To", "Reply-To"))
_NAME = re.compile(r"[!-9;-~]+")
_TOO_LONG = re.compile(rb"=(?:20|09)\n(?<=[^\n]{77}\n)")
"""A quoted blank at the end of a line that is too long, since b2a_qp counts the unquoted blank."""


def to_mime(email: Email, *, key: str, date: datetime, utf8: bool = False) -> bytes:
    """Return a multipart/alternative message (RFC 2046; RFC 6532 with `utf8`).

    Raises ValueError for a bad header.
    """
    mailboxes = [("From", email.sender), ("To", email.to), ("Reply-To", email.reply_to)]
    fields = [(name, _quoted(mailbox)) for name, mailbox in mailboxes if mailbox]
    fields += [
        ("Subject", email.subject),
        ("Date", format_datetime(date)),
        ("Message-ID", message_id_of(email, key)),
        *email.headers.items(),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{_BOUNDARY}"'),
    ]
    names = [name for name, _ in fields]
    if len({name.lower() for name in names}) < len(names):
        raise ValueError(f"one of these headers occurs twice: {', '.join(names)}")
    policy = SMTPUTF8 if utf8 else SMTP
    head = b"".join(_write_field(name, value, policy) for name, value in fields)
    text = _HEAD_OF_TEXT + _quote(email.text)
    html = _HEAD_OF_HTML + _quote(email.html)
    return b"\r\n".join((head, text, html, _END))


def message_id_of(email: Email, key: str) -> str:
    """Return a Message-ID from the key and the sender's domain, the same on every try."""
    domain = bare_address(email.sender).rpartition("@")[2]
    return f"<{key}@{domain}>"


def needs_utf8(email: Email) -> bool:
    """Tell whether an address has letters beyond ASCII, so that the mail needs SMTPUTF8 (RFC 6531).

    A header must not encode them (RFC 2047, 5).
    """
    mailboxes = (email.sender, email.to)
    return not all(mailbox.isascii() or bare_address(mailbox).isascii() for mailbox in mailboxes)


def bare_address(mailbox: str) -> str:
    """Return the address of "Northwind <accounts@northwind.example>", as SMTP takes it."""
    return _quoted(parseaddr(mailbox)[1])


def _quoted(mailbox: str) -> str:
    """Return a mailbox; a local part whose dots need it is quoted: "a..b"@mail.example.

    RFC 5321, 4.1.2.
    """
    return _LOCAL_PART.sub(r'"\g<0>"', mailbox, count=1)


def _write_field(name: str, value: str, policy: "EmailPolicy[Any]") -> bytes:
    field = f"{name}: {value}"
    if len(field) <= _LONGEST_LINE and _PLAIN_FIELD.fullmatch(field):
        return f"{field}\r\n".encode("ascii")
    return _fold_field(name, value, policy)


@lru_cache(256)
def _fold_field(name: str, value: str, policy: "EmailPolicy[Any]") -> bytes:
    """Return a header with line breaks as RFC 5322 wants them.

    Results are cached: senders and subjects are few, mails are many.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid header name")
    is_plain = value.isascii() and value.isprintable() and "=?" not in value
    if name in _MAILBOXES and is_plain:
        display, address = parseaddr(value)
        if display:
            return _fold_mailbox(name, display, address)
    return policy.fold_binary(*policy.header_store_parse(name, value))


def _fold_mailbox(name: str, display: str, address: str) -> bytes:
    """Return the header of a mailbox with a long name.

    `email.policy` of many versions drops the quotes around the name, and a comma then divides it.
    """
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    lines = wrap(escaped, _LONGEST_LINE - 12, break_long_words=False, break_on_hyphens=False)
    folded = "\r\n ".join(lines)
    return f'{name}: "{folded}"\r\n <{address}>\r\n'.encode()


def _quote(text: str) -> bytes:
    """Return the text in quoted-printable (RFC 2045, 6.7), with a line break at its end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    quoted = b2a_qp(lines.encode())
    return _TOO_LONG.sub(rb"=\n\g<0>", quoted).replace(b"\n", b"\r\n")
