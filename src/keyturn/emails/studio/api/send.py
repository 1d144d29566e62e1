"""Mails that arrive over HTTP instead of SMTP, and mails that are released to real addresses."""

import asyncio
from email.message import EmailMessage
from email.utils import formataddr
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_502_BAD_GATEWAY
from msgspec import Meta

from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import Envelope
from keyturn.emails.studio.api.messages import OneMail
from keyturn.emails.studio.api.shapes import MailpitNames, read_body
from keyturn.emails.studio.studio import Studio

_MOST = 100


class HandedAddress(MailpitNames, frozen=True, kw_only=True):
    email: str
    name: str = ""

    def __str__(self) -> str:
        return formataddr((self.name, self.email))


class File(MailpitNames, frozen=True, kw_only=True):
    """A file of a submitted mail, in Base64. With a `content_id`, the HTML shows it."""

    content: bytes
    filename: str = "file"
    content_type: Annotated[str, Meta(pattern=r"^[\w.+-]+/[\w.+-]+$")] = "application/octet-stream"
    content_id: str = ""


class Handed(MailpitNames, frozen=True, kw_only=True):
    from_: HandedAddress
    to: Annotated[tuple[HandedAddress, ...], Meta(max_length=_MOST)] = ()
    cc: Annotated[tuple[HandedAddress, ...], Meta(max_length=_MOST)] = ()
    bcc: Annotated[tuple[str, ...], Meta(max_length=_MOST)] = ()
    reply_to: tuple[HandedAddress, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    tags: tuple[str, ...] = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    attachments: Annotated[tuple[File, ...], Meta(max_length=_MOST)] = ()


class KeptMail(MailpitNames, frozen=True):
    id: str


@post("/send", status_code=HTTP_200_OK)
async def send(request: Request[Any, Any, Any], captured: NamedDependency[CapturedMails]) -> KeptMail:
    handed = await read_body(request, Handed)
    recipients = (*(each.email for each in (*handed.to, *handed.cc)), *handed.bcc)

    def keep() -> str:
        return captured.add(bytes(_message_of(handed)), Envelope(sender=handed.from_.email, recipients=recipients))

    try:
        return KeptMail(await asyncio.to_thread(keep))
    except (ValueError, LookupError) as error:  # such as a line break in a header
        raise ValidationException(detail=f"This is no mail: {error}") from error


class Released(MailpitNames, frozen=True, kw_only=True):
    to: Annotated[tuple[str, ...], Meta(min_length=1, max_length=_MOST)]


@post("/message/{name:str}/release", status_code=HTTP_200_OK, media_type=MediaType.TEXT)
async def release(
    name: FromPath[str],
    request: Request[Any, Any, Any],
    studio: NamedDependency[Studio],
    one_mail: NamedDependency[OneMail],
) -> str:
    """Release a mail to each address, or to none if one of them is refused."""
    to = (await read_body(request, Released)).to
    if studio.release is None:
        raise ValidationException(detail="Mails are released where release_to and a mail server are set.")
    raw = await one_mail.read(name, lambda _, content: content.raw)
    for each in to:
        if fault := studio.release.refuses(each):
            raise ValidationException(detail=fault)
    for each in to:
        outcome = await studio.release.release(raw, each)
        if outcome.fault:
            raise HTTPException(status_code=HTTP_502_BAD_GATEWAY, detail=outcome.fault)
    return "ok"


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
            file.content,
            maintype=main,
            subtype=sub,
            filename=file.filename,
            disposition="inline" if file.content_id else "attachment",
            cid=f"<{file.content_id}>" if file.content_id else None,
        )
    return message


HANDLERS = (send, release)
