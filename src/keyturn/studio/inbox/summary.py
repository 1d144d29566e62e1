"""A captured mail as a row of the list. The summary is made once, at arrival."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain

import msgspec

from keyturn.studio.inbox.decoding import Address
from keyturn.studio.inbox.mail import MailContent

_SEARCHED = 64 * 1024
"""Characters that are searched: of the headers, of the text, and of the attachments."""

_SEARCHED_FILES = 50

_SNIPPET = 160
_LONGEST = 1_000
"""Characters of a header in a list, so that a page of a hundred mails stays small."""

_TAG = re.compile(r"[\w.-]{1,50}")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    sender: str = ""
    recipients: tuple[str, ...] = ()
    username: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a mail that a list shows.

    `delivered_to`: the recipients of the SMTP envelope.
    `bcc`: recipients without a header.
    `tags`: the parts behind the `+` of recipients (RFC 5233), and those in the header `X-Tags`.
    `size`: bytes as received.
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    message_id: str = ""
    return_path: str = ""
    delivered_to: tuple[str, ...] = ()
    username: str = ""
    snippet: str = ""
    tags: tuple[str, ...] = ()
    size: int = 0
    attachments: int = 0

    @property
    def recipients(self) -> Iterator[str]:
        return (each.address for each in chain(self.to, self.cc, self.bcc))


def summarize(mail: MailContent, envelope: Envelope) -> Summary:
    to, cc, bcc = (mail.addresses(name) for name in ("to", "cc", "bcc"))
    named = {each.address.lower() for each in chain(to, cc, bcc)}
    hidden = tuple(Address("", each) for each in envelope.recipients if each.lower() not in named)
    return Summary(
        sender=next(iter(mail.addresses("from")), Address("", envelope.sender)),
        to=to,
        cc=cc,
        bcc=bcc + hidden,
        reply_to=mail.addresses("reply-to"),
        subject=mail.header("subject")[:_LONGEST],
        message_id=mail.header("message-id")[:_LONGEST].strip("<> "),
        return_path=envelope.sender[:_LONGEST],
        delivered_to=tuple(each[:_LONGEST] for each in envelope.recipients),
        username=envelope.username[:_LONGEST],
        snippet=" ".join(mail.readable[: 4 * _SNIPPET].split())[:_SNIPPET],
        tags=tuple(dict.fromkeys(_tags((*to, *cc, *bcc, *hidden), mail.header("x-tags")))),
        size=len(mail.raw),
        attachments=len(mail.attachments),
    )


def searched_text(mail: MailContent) -> str:
    """Return the headers, the text, and the names and texts of the attachments, each bounded and all together."""
    files = mail.attachments[:_SEARCHED_FILES]
    texts = [file.text(_SEARCHED) for file in files]
    head = "\n".join([*(value for _, value in mail.headers), *(file.name for file in files)])
    return "\n".join([head[:_SEARCHED], mail.readable[:_SEARCHED], "\n".join(texts)[:_SEARCHED]]).replace("\0", "")


def sent_at(mail: MailContent, fallback: float) -> float:
    """Return when a mail was written, by its own header, in seconds since 1970; else the `fallback`."""
    try:
        return parsedate_to_datetime(mail.header("date")).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return fallback


def _tags(recipients: Sequence[Address], listed: str) -> Iterator[str]:
    for each in recipients:
        detail = each.address.rpartition("@")[0].partition("+")[2]
        if _TAG.fullmatch(detail):
            yield detail.lower()
    yield from (tag.strip() for tag in listed.split(",") if _TAG.fullmatch(tag.strip()))


class CapturedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A captured mail as a row of the list.

    `number`: counts arrivals.
    `at`: when it was received, in the zone of this machine. For a file of the folder (`in_folder`), the time in its
      Date header.
    """

    id: str
    number: int
    at: datetime
    in_folder: bool
    read: bool
    summary: Summary

    @property
    def subject(self) -> str:
        return self.summary.subject

    @property
    def to(self) -> str:
        everybody = self.summary.to or self.summary.cc or self.summary.bcc
        shown = ", ".join(each.address for each in everybody[:3])
        return f"{shown} and {len(everybody) - 3} more" if len(everybody) > 3 else shown

    @property
    def sender(self) -> str:
        return self.summary.sender.name or self.summary.sender.address

    @property
    def ago(self) -> str:
        """How long ago it was received, in words; after a day the time of day, since the list has the day."""
        minutes = int((datetime.now(UTC) - self.at).total_seconds() // 60)
        if 0 <= minutes < 60:
            return f"{minutes} min ago" if minutes else "now"
        return f"{minutes // 60} h ago" if 0 < minutes < 24 * 60 else f"{self.at:%H:%M}"

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}"

    @property
    def day(self) -> str:
        return f"{self.at.day} {self.at:%B}" if self.at.date() != datetime.now(self.at.tzinfo).date() else "Today"


def local_time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()
