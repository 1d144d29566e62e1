"""The value that rendering hands to sending, and the port that sends it."""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import formataddr, parseaddr
from typing import Protocol

import msgspec
from msgspec.structs import force_setattr

from keyturn.mail.addresses import with_ascii_domain

_BREAK = re.compile(r"[\x00\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
"""All characters that Python's mail parsers take for a line break, and NUL."""


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """A mail to be sent.

    The domains of its addresses become A-labels. Raises ValueError for a line break in a value that
    becomes a header.
    """

    sender: str
    to: str
    subject: str
    html: str
    text: str
    reply_to: str = ""
    headers: dict[str, str] = {}
    tags: dict[str, str] = {}

    def __post_init__(self) -> None:
        for name in ("sender", "to", "reply_to"):
            force_setattr(self, name, with_ascii_domain(getattr(self, name)))
        in_headers = (self.sender, self.to, self.reply_to, self.subject, *self.headers.values())
        for value in in_headers:
            if _BREAK.search(value):
                raise ValueError("a header may not contain linefeeds or other line breaks")


class Sender(Protocol):
    name: str

    async def send(self, email: Email, idempotency_key: str) -> str:
        """Send the mail; return the provider's id for it.

        A provider that knows idempotency keys accepts the same key and mail only once.

        Raises SendRetryable, QuotaExhausted, SendRefused, and SendUnknown if a retry would send a
        second mail.
        """

    async def close(self) -> None: ...


def local_sender(name: str, address: str = "") -> str:
    return formataddr((name, address or "no-reply@localhost"))


def name_and_address(mailbox: str) -> tuple[str, str]:
    """Return the name and the address of a header's mailbox.

    An encoded name (RFC 2047) is decoded.
    """
    name, address = parseaddr(mailbox)
    try:
        return str(make_header(decode_header(name))), address
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return name, address
