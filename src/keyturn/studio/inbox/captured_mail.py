"""A captured mail as a row of the list, and the envelope of a mail that came over SMTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.header import Header
from itertools import chain

import msgspec

from keyturn.studio.inbox.decoding import Address
from keyturn.studio.inbox.mail import MailContent

_SEARCHED = 16 * 1024  # characters that are searched: of the headers with the names of files, and of the text

_SNIPPET = 160
_LONGEST = 1_000  # characters of a header in a list, so that a page of a hundred mails stays small

_LATEST = 253_000_000_000  # seconds since 1970: a time in the year 9987, since the clock of a file may be far off

ENVELOPE = RETURN_PATH, DELIVERED_TO, USER = "return-path", "delivered-to", "x-authenticated-user"
"""Headers, in small letters, that hold the envelope of a mail."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a mail, kept as headers before its own, as mail servers do at delivery (RFC 5321, 4.4)."""

    sender: str = ""
    recipients: tuple[str, ...] = ()
    username: str = ""

    @property
    def headers(self) -> bytes:
        lines = [(RETURN_PATH.title(), f"<{self.sender}>"), *((DELIVERED_TO.title(), to) for to in self.recipients)]
        if self.username:
            lines.append((USER.title(), self.username))
        return "".join(f"{name}: {_in_one_line(value)}\r\n" for name, value in lines).encode()


def _in_one_line(value: str) -> str:
    words = " ".join(value.split())[:_LONGEST]
    return words if words.isascii() else Header(words, "utf-8", maxlinelen=10 * _LONGEST).encode()


class CapturedMail(msgspec.Struct, kw_only=True):
    """A captured mail as a row of the list.

    `id`: the name of its file.
    `number`: counts arrivals.
    `at`: when it was received, in the zone of this machine.
    `delivered_to`: the recipients of the envelope.
    `bcc`: recipients without a header.
    `size`: bytes as received.
    `words`: the searched text, in small letters.
    """

    id: str
    number: int
    at: datetime
    read: bool = False
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    message_id: str
    return_path: str
    delivered_to: tuple[str, ...]
    username: str
    snippet: str
    size: int
    attachments: int
    words: str

    @property
    def recipients(self) -> Iterator[str]:
        return (each.address for each in chain(self.to, self.cc, self.bcc))

    @property
    def to_line(self) -> str:
        everybody = self.to or self.cc or self.bcc
        shown = ", ".join(each.address for each in everybody[:3])
        return f"{shown} and {len(everybody) - 3} more" if len(everybody) > 3 else shown

    @property
    def from_line(self) -> str:
        return self.sender.name or self.sender.address

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}"

    @property
    def day(self) -> str:
        return f"{self.at.day} {self.at:%B}" if self.at.date() != datetime.now(self.at.tzinfo).date() else "Today"


def row_of(mail_id: str, number: int, at: float, mail: MailContent) -> CapturedMail:
    """Return the row of a mail that was received at `at`, in seconds since 1970."""
    to, cc, bcc = (mail.addresses(name) for name in ("to", "cc", "bcc"))
    named = {each.address.lower() for each in chain(to, cc, bcc)}
    delivered_to = tuple(value[:_LONGEST] for name, value in mail.headers if name.lower() == DELIVERED_TO)
    hidden = tuple(Address("", each) for each in delivered_to if each.lower() not in named)
    return_path = mail.header(RETURN_PATH)[:_LONGEST].strip("<> ")
    head = "\n".join([*(value for _, value in mail.headers), *(file.name for file in mail.attachments)])
    return CapturedMail(
        id=mail_id,
        number=number,
        at=datetime.fromtimestamp(min(max(at, 0), _LATEST), UTC).astimezone(),
        sender=next(iter(mail.addresses("from")), Address("", return_path)),
        to=to,
        cc=cc,
        bcc=bcc + hidden,
        reply_to=mail.addresses("reply-to"),
        subject=mail.header("subject")[:_LONGEST],
        message_id=mail.header("message-id")[:_LONGEST].strip("<> "),
        return_path=return_path,
        delivered_to=delivered_to,
        username=mail.header(USER)[:_LONGEST],
        snippet=" ".join(mail.readable[: 4 * _SNIPPET].split())[:_SNIPPET],
        size=len(mail.raw),
        attachments=len(mail.attachments),
        words=" ".join(f"{head[:_SEARCHED]}\n{mail.readable[:_SEARCHED]}".casefold().split()),
    )
