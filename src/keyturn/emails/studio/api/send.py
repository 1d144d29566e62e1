"""Mails that come over HTTP instead of SMTP."""

import asyncio
from email.message import EmailMessage
from email.utils import formataddr
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta

from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import Envelope
from keyturn.emails.studio.api.asked import read_body
from keyturn.emails.studio.api.shapes import Named

_MOST = 100


class Mailbox(Named, frozen=True, kw_only=True):
    """A mailbox of a mail that is handed in."""

    email: str
    name: str = ""

    def __str__(self) -> str:
        return formataddr((self.name, self.email))


class File(Named, frozen=True, kw_only=True):
    """A file of such a mail, in Base64; with a `content_id` it belongs into the HTML."""

    content: bytes
    filename: str = "file"
    content_type: Annotated[str, Meta(pattern=r"^[\w.+-]+/[\w.+-]+$")] = "application/octet-stream"
    content_id: str = ""


class Handed(Named, frozen=True, kw_only=True):
    """A mail as a client of Mailpit hands it in."""

    from_: Mailbox
    to: Annotated[tuple[Mailbox, ...], Meta(max_length=_MOST)] = ()
    cc: Annotated[tuple[Mailbox, ...], Meta(max_length=_MOST)] = ()
    bcc: Annotated[tuple[str, ...], Meta(max_length=_MOST)] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    tags: tuple[str, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    attachments: Annotated[tuple[File, ...], Meta(max_length=_MOST)] = ()


class Sent(Named, frozen=True):
    """The id of the mail that was kept."""

    id: str


@post("/send", status_code=HTTP_200_OK)
async def send(request: Request[Any, Any, Any], captured: NamedDependency[CapturedMails]) -> Sent:
    """Keep a mail that comes over HTTP."""
    handed = await read_body(request, Handed)
    recipients = (*(each.email for each in (*handed.to, *handed.cc)), *handed.bcc)

    def keep() -> str:
        return captured.add(bytes(_message_of(handed)), Envelope(sender=handed.from_.email, recipients=recipients))

    try:
        return Sent(await asyncio.to_thread(keep))
    except (ValueError, LookupError) as error:  # a line break in a header, say
        raise ValidationException(detail=f"This is no mail: {error}") from error


def _message_of(handed: Handed) -> EmailMessage:
    message = EmailMessage()
    message["From"] = str(handed.from_)
    for name, people in (("To", handed.to), ("Cc", handed.cc), ("Reply-To", handed.reply_to)):
        if people:
            message[name] = ", ".join(map(str, people))
    message["Subject"] = handed.subject
    if handed.tags:
        message["X-Tags"] = ", ".join(handed.tags)
    for name, value in handed.headers.items():
        message[name] = value
    if handed.text or not handed.html:
        message.set_content(handed.text)
    if handed.html:
        (message.add_alternative if handed.text else message.set_content)(handed.html, subtype="html")
    for file in handed.attachments:
        main, _, sub = file.content_type.partition("/")
        message.add_attachment(
            file.content, maintype=main, subtype=sub, filename=file.filename,
            disposition="inline" if file.content_id else "attachment",
            cid=f"<{file.content_id}>" if file.content_id else None,
        )  # fmt: skip
    return message


HANDLERS = (send,)
