"""A captured mail as a row of the list, made once, when it arrives."""

import re
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from itertools import chain

import msgspec

from keyturn.emails.inbox.mail import Address, MailContent

_SEARCHED = 64 * 1024
"""Of a mail's text so many characters are searched."""

_SNIPPET = 160
_LONGEST = 1_000
"""Characters of a header in a list; a page of a hundred mails is not to have megabytes."""

_TAG = re.compile(r"[\w.-]{1,50}")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What SMTP says of a mail beside its headers: who sends it, to whom, and who logged in."""

    sender: str = ""
    recipients: tuple[str, ...] = ()
    username: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a list needs of a mail.

    `bcc` are those it was sent to who stand in no header. `tags` are what stands behind the `+` of a recipient
    (RFC 5233), and what the header `X-Tags` lists. `size` is in bytes, as it was received.
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    message_id: str = ""
    return_path: str = ""
    username: str = ""
    snippet: str = ""
    tags: tuple[str, ...] = ()
    size: int = 0
    attachments: int = 0

    @property
    def recipients(self) -> Iterator[str]:
        """Everybody who gets it."""
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
        username=envelope.username[:_LONGEST],
        snippet=" ".join(mail.readable[: 4 * _SNIPPET].split())[:_SNIPPET],
        tags=tuple(dict.fromkeys(_tags((*to, *cc, *bcc, *hidden), mail.header("x-tags")))),
        size=len(mail.raw),
        attachments=len(mail.attachments),
    )


def searched_text(mail: MailContent) -> str:
    """Return what a search looks through: the words of the headers and of the text."""
    return "\n".join([*(value for _, value in mail.headers), mail.readable])[:_SEARCHED].replace("\0", "")


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
