"""Requests and answers of the API, with Mailpit's names."""

import re
from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from msgspec import Meta

from keyturn.emails.inbox.mail import Attachment, MailContent
from keyturn.emails.inbox.query import EVERYTHING, Condition, condition_for
from keyturn.emails.inbox.summary import CapturedMail

_NAMES = {
    "id": "ID",
    "message_id": "MessageID",
    "from_": "From",
    "html": "HTML",
    "part_id": "PartID",
    "content_id": "ContentID",
    "sha256": "SHA256",
}
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_LISTED = re.compile(r"<([^<>\s]{1,2000})>")


def _pascal(name: str) -> str:
    return _NAMES.get(name) or name.title().replace("_", "")


class MailpitNames(msgspec.Struct, frozen=True, kw_only=True, rename=_pascal):
    """Names its fields as Mailpit does: `message_id` is `MessageID`."""


class NamedAddress(MailpitNames, frozen=True):
    name: str
    address: str


class Message(MailpitNames, frozen=True, kw_only=True):
    id: str
    message_id: str
    from_: NamedAddress
    to: list[NamedAddress]
    cc: list[NamedAddress]
    bcc: list[NamedAddress]
    reply_to: list[NamedAddress]
    subject: str
    username: str
    tags: tuple[str, ...]
    size: int


class MessageSummary(Message, frozen=True, kw_only=True):
    """A mail in a list. `attachments` counts all files, including those within the HTML."""

    read: bool
    created: datetime
    attachments: int
    snippet: str


class Checksums(MailpitNames, frozen=True):
    sha256: str


class AttachmentSummary(MailpitNames, frozen=True, kw_only=True):
    """A part that is a file; `/message/{ID}/part/{PartID}` returns it."""

    part_id: str
    file_name: str
    content_type: str
    content_id: str
    size: int
    checksums: Checksums


class ListUnsubscribe(MailpitNames, frozen=True, kw_only=True):
    """The header List-Unsubscribe and its companion (RFC 2369, RFC 8058)."""

    header: str
    links: list[str]
    errors: str
    header_post: str


class WholeMessage(Message, frozen=True, kw_only=True):
    """A whole mail. `links` and `codes` are Keyturn's own: what a reader would follow and type."""

    return_path: str
    list_unsubscribe: ListUnsubscribe
    date: datetime
    text: str
    html: str
    inline: list[AttachmentSummary]
    attachments: list[AttachmentSummary]
    links: list[str]
    codes: list[str]


class MessageList(msgspec.Struct, frozen=True, kw_only=True):
    """Mails, newest first. `total` and `unread` count all; `messages_count` and `messages_unread` the matches."""

    total: int
    unread: int
    count: int
    messages_count: int
    messages_unread: int
    start: int
    tags: list[str]
    messages: list[MessageSummary]


def summary_of(mail: CapturedMail) -> MessageSummary:
    return _shaped(mail, MessageSummary, read=mail.read, created=mail.at)


def message_of(mail: CapturedMail, content: MailContent) -> WholeMessage:
    return _shaped(
        mail,
        WholeMessage,
        list_unsubscribe=_unsubscribe(content),
        date=mail.at,
        text=content.text,
        html=content.html,
        inline=[_attachment(part) for part in content.attachments if part.inline],
        attachments=[_attachment(part) for part in content.attachments if not part.inline],
        links=[link.address for link in content.links],
        codes=content.codes,
    )


def _shaped(mail: CapturedMail, shape: type[_Shape], **more: object) -> _Shape:
    """Return a shape with `more` fields, and the others as in the summary of the mail."""
    own = {"id": mail.id, "from_": mail.summary.sender}
    return msgspec.convert(
        SimpleNamespace(**msgspec.structs.asdict(mail.summary) | own | more), shape, from_attributes=True
    )


def _attachment(part: Attachment) -> AttachmentSummary:
    return AttachmentSummary(
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
        errors="" if links or not header else "there is no address in <>",
        header_post=content.header("list-unsubscribe-post"),
    )


_SECONDS = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}

LONGEST_WAIT = 60.0

_Body = TypeVar("_Body")
_Text = Annotated[str, Meta(max_length=500)]


class MailQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a request.

    `query`: a search as in the inbox.
    `to`: a whole address of any recipient.
    `subject`: a part of the subject.
    `tag`: a whole tag.
    `since`: only mails that arrived after this moment, UTC without a zone.
    `wait`: how long the request waits for a match: "10s", "500ms", at most a minute.
    `tz`, `embed`: Mailpit's, and without effect: days are UTC, and links open a tab of their own.
    """

    query: _Text = ""
    to: _Text = ""
    subject: _Text = ""
    tag: _Text = ""
    since: datetime | None = None
    wait: str = "0s"
    start: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 50
    tz: str = ""
    embed: str = ""

    def __post_init__(self) -> None:
        if self.seconds > LONGEST_WAIT:
            raise ValueError(f"wait is at most {LONGEST_WAIT:g}s")
        _ = self.condition  # which raises a ValueError, too

    @property
    def seconds(self) -> float:
        read = _SECONDS.fullmatch(self.wait)
        if not read:
            raise ValueError('wait takes a time, such as "10s" or "500ms"')
        return float(read[1]) * _UNITS[read[2]]

    @property
    def condition(self) -> Condition:
        """The conditions of all fields together. `EVERYTHING` itself for an empty query."""
        return condition_for(self.query, self.to, self.subject, self.tag, self.since)

    @property
    def asks_for_all(self) -> bool:
        return self.condition is EVERYTHING


def read_mail_query(request: Request[Any, Any, Any]) -> MailQuery:
    try:
        return msgspec.convert(dict(request.query_params), MailQuery, strict=False)
    except msgspec.ValidationError as error:
        raise ValidationException(detail=f"The query cannot be read: {error}") from error


def read_body(body: bytes, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValidationException(detail=f"The body cannot be read: {error}") from error
