"""A mail as an RFC 5322 message, written by hand in a tenth of the time
that `email.message` takes.
"""

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
"""Quoted-printable text never contains "=_" (RFC 2045, 6.7, note 1), so the parts need no search
for it.
"""

_PARTS = b"".join(
    b'--%b\r\nContent-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: '
    b"quoted-printable\r\n\r\n%%b\r\n" % (_BOUNDARY.encode(), kind)
    for kind in (b"plain", b"html")
)
_END = b"--%b--\r\n" % _BOUNDARY.encode()

_PLAIN_FIELD = re.compile(r"(?!.*=\?)[!-9;-~]+: [!-~]+(?: [!-~]+)*")
"""A header that needs no encoding (RFC 5322, 2.2; RFC 2047, 2), if it is short enough."""

_LONGEST_LINE = 78
"""Without the line break (RFC 5322, 2.1.1)."""

_LOCAL_PART = re.compile(r"(?:(?<=^)|(?<=<))(?=\.|[^@\s\"<>]*\.(?:\.|@))[^@\s\"<>]+(?=@[^@]+$)")

_MAILBOXES = frozenset(("From", "To", "Reply-To"))
_NAME = re.compile(r"[!-9;-~]+")
_TOO_LONG = re.compile(rb"=(?:20|09)\n(?<=[^\n]{77}\n)")
"""A blank at the end of a line that is a character too long: b2a_qp counts the blank before it is
quoted.
"""


def to_mime(email: Email, *, key: str, date: datetime, utf8: bool = False) -> bytes:
    """Return a multipart/alternative message (RFC 2046; 6532 with `utf8`).

    Raises ValueError for a bad header.
    """
    mailboxes = [("From", email.sender), ("To", email.to), ("Reply-To", email.reply_to)]
    fields = [
        *((name, _quoted(mailbox)) for name, mailbox in mailboxes if mailbox),
        ("Subject", email.subject),
        ("Date", format_datetime(date)),
        ("Message-ID", message_id_of(email, key)),
        *email.headers.items(),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{_BOUNDARY}"'),
    ]
    if len({name.lower() for name, _ in fields}) < len(fields):
        raise ValueError(
            f"one of these headers occurs twice: {', '.join(name for name, _ in fields)}"
        )
    head = b"".join(_write_field(name, value, SMTPUTF8 if utf8 else SMTP) for name, value in fields)
    return b"%b\r\n%b%b" % (head, _PARTS % (_quote(email.text), _quote(email.html)), _END)


def message_id_of(email: Email, key: str) -> str:
    """Return a Message-ID from the key and the sender's domain, the same on every try."""
    domain = bare_address(email.sender).rpartition("@")[2]
    return f"<{key}@{domain}>"


def needs_utf8(email: Email) -> bool:
    """Tell whether an address has non-ASCII letters, which must not be encoded (RFC 2047, 5; RFC
    6531).
    """
    return not all(one.isascii() or bare_address(one).isascii() for one in (email.sender, email.to))


def bare_address(mailbox: str) -> str:
    """Return the address of "Northwind <accounts@northwind.example>", as SMTP takes it."""
    return _quoted(parseaddr(mailbox)[1])


def _quoted(mailbox: str) -> str:
    """Return a mailbox whose local part is quoted if dots need that (RFC 5321, 4.1.2):
    "a..b"@mail.example.
    """
    local = _LOCAL_PART.search(mailbox)
    return (
        mailbox if not local else f'{mailbox[: local.start()]}"{local[0]}"{mailbox[local.end() :]}'
    )


def _write_field(name: str, value: str, policy: "EmailPolicy[Any]") -> bytes:
    field = f"{name}: {value}"
    if len(field) <= _LONGEST_LINE and _PLAIN_FIELD.fullmatch(field):
        return f"{field}\r\n".encode("ascii")
    return _fold_field(name, value, policy)


@lru_cache(256)
def _fold_field(name: str, value: str, policy: "EmailPolicy[Any]") -> bytes:
    """Return a header folded by `email.policy`.

    Results are cached: senders and subjects are few, mails are many.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid header name")
    display, address = parseaddr(value) if name in _MAILBOXES and value.isprintable() else ("", "")
    if display and value.isascii() and "=?" not in value:
        # `email.policy` of many versions drops the quotes of a long name, and with them a comma
        # divides it.
        escaped = display.replace("\\", "\\\\").replace('"', '\\"')
        folded = "\r\n ".join(
            wrap(escaped, _LONGEST_LINE - 12, break_long_words=False, break_on_hyphens=False)
        )
        return f'{name}: "{folded}"\r\n <{address}>\r\n'.encode()
    return policy.fold_binary(*policy.header_store_parse(name, value))


def _quote(text: str) -> bytes:
    """Return the text in quoted-printable (RFC 2045, 6.7), with a line break at its end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    quoted = b2a_qp(lines.encode())
    return _TOO_LONG.sub(rb"=\n\g<0>", quoted).replace(b"\n", b"\r\n")
