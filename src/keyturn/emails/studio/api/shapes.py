"""What the API answers, with Mailpit's names."""

import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

from keyturn.emails.inbox import mail as read
from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.mail import MailContent

_NAMES = {
    "id": "ID",
    "message_id": "MessageID",
    "from_": "From",
    "html": "HTML",
    "part_id": "PartID",
    "content_id": "ContentID",
    "sha256": "SHA256",
}
_LISTED = re.compile(r"<([^<>\s]{1,2000})>")


def _pascal(name: str) -> str:
    return _NAMES.get(name) or name.title().replace("_", "")


class Named(msgspec.Struct, frozen=True, kw_only=True, rename=_pascal):
    """Names its fields as Mailpit does: `message_id` is `MessageID`."""


class Address(Named, frozen=True):
    """A mailbox and the name before it."""

    name: str
    address: str


class MessageSummary(Named, frozen=True, kw_only=True):
    """A mail in a list. `attachments` is how many there are, those within the HTML among them."""

    id: str
    message_id: str
    read: bool
    from_: Address
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    reply_to: list[Address]
    subject: str
    created: datetime
    username: str
    tags: tuple[str, ...]
    size: int
    attachments: int
    snippet: str


class Checksums(Named, frozen=True):
    """What a file is known by."""

    sha256: str


class Attachment(Named, frozen=True, kw_only=True):
    """A part that is a file; `/message/{ID}/part/{PartID}` hands it out."""

    part_id: str
    file_name: str
    content_type: str
    content_id: str
    size: int
    checksums: Checksums


class ListUnsubscribe(Named, frozen=True, kw_only=True):
    """The header List-Unsubscribe and its companion (RFC 2369, RFC 8058)."""

    header: str
    links: list[str]
    errors: str
    header_post: str


class Message(Named, frozen=True, kw_only=True):
    """A whole mail. `links` and `codes` are Keyturn's own: what a reader would follow and type."""

    id: str
    message_id: str
    from_: Address
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    reply_to: list[Address]
    return_path: str
    subject: str
    list_unsubscribe: ListUnsubscribe
    date: datetime
    tags: tuple[str, ...]
    username: str
    text: str
    html: str
    size: int
    inline: list[Attachment]
    attachments: list[Attachment]
    links: list[str]
    codes: list[str]


class MessageList(msgspec.Struct, frozen=True, kw_only=True):
    """Mails, newest first. `total` and `unread` count all; `messages_count` and `messages_unread` what was found."""

    total: int
    unread: int
    count: int
    messages_count: int
    messages_unread: int
    start: int
    tags: list[str]
    messages: list[MessageSummary]


def summary_of(mail: CapturedMail) -> MessageSummary:
    summary = mail.summary
    return MessageSummary(
        id=mail.id,
        message_id=summary.message_id,
        read=mail.read,
        from_=_address(summary.sender),
        to=_addresses(summary.to),
        cc=_addresses(summary.cc),
        bcc=_addresses(summary.bcc),
        reply_to=_addresses(summary.reply_to),
        subject=summary.subject,
        created=mail.at,
        username=summary.username,
        tags=summary.tags,
        size=summary.size,
        attachments=summary.attachments,
        snippet=summary.snippet,
    )


def message_of(mail: CapturedMail, content: MailContent) -> Message:
    summary = mail.summary
    return Message(
        id=mail.id,
        message_id=summary.message_id,
        from_=_address(summary.sender),
        to=_addresses(summary.to),
        cc=_addresses(summary.cc),
        bcc=_addresses(summary.bcc),
        reply_to=_addresses(summary.reply_to),
        return_path=summary.return_path,
        subject=summary.subject,
        list_unsubscribe=_unsubscribe(content),
        date=mail.at,
        tags=summary.tags,
        username=summary.username,
        text=content.text,
        html=content.html,
        size=summary.size,
        inline=[_attachment(part) for part in content.attachments if part.inline],
        attachments=[_attachment(part) for part in content.attachments if not part.inline],
        links=[link.address for link in content.links],
        codes=content.codes,
    )


def _address(address: read.Address) -> Address:
    return Address(address.name, address.address)


def _addresses(addresses: Iterable[read.Address]) -> list[Address]:
    return [_address(each) for each in addresses]


def _attachment(part: read.Attachment) -> Attachment:
    return Attachment(
        part_id=str(part.number),
        file_name=part.name,
        content_type=part.content_type,
        content_id=part.content_id,
        size=part.size,
        checksums=Checksums(part.checksum),
    )


def _unsubscribe(content: MailContent) -> ListUnsubscribe:
    header = content.header("list-unsubscribe")
    links = _LISTED.findall(header)
    return ListUnsubscribe(
        header=header,
        links=links,
        errors="" if links or not header else "no address in <>",
        header_post=content.header("list-unsubscribe-post"),
    )
