"""The captured mails for programs, above all for end-to-end tests in any language.

Paths and names follow Mailpit, so that its clients work (https://mailpit.axllent.org/docs/api-v1/),
under `/api` and `/api/v1`. Keyturn adds waiting, links, codes and a filter by recipient. Errors are
problem documents (RFC 9457).
"""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import MediaType, Request, Response, Router, delete, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ValidationException
from litestar.params import FromPath, RawBody
from msgspec import Meta

from keyturn.studio.inbox.captured_mail import (
    CapturedMail,
    Match,
    everything,
    match_for,
    unread,
    with_id,
)
from keyturn.studio.inbox.mail import Attachment, MailContent
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.renderers import Runner
from keyturn.studio.web.access import HEADERS, admit_programs
from keyturn.studio.web.failures import AS_PROBLEMS
from keyturn.studio.web.pages.frame_answers import captured_frame
from keyturn.studio.web.studio import Studio
from keyturn.studio.web.view import View

_WAIT = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
_LONGEST_WAIT = 60.0
_LOOK_UP = 0.05  # seconds between two looks of a waiting request

_Read = TypeVar("_Read")
_Text = Annotated[str, Meta(max_length=500)]


class MailQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a request (docs/inbox.md).

    `since` is UTC without a zone; `tz` and `embed` have no effect.
    """

    query: _Text = ""
    to: _Text = ""
    subject: _Text = ""
    since: datetime | None = None
    wait: str = "0s"
    start: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 50
    tz: str = ""
    embed: str = ""

    def __post_init__(self) -> None:
        if self.seconds > _LONGEST_WAIT:
            raise ValueError(f"wait is at most {_LONGEST_WAIT:g}s")

    @property
    def seconds(self) -> float:
        read = _WAIT.fullmatch(self.wait)
        if not read:
            raise ValueError('wait takes a time, such as "10s" or "500ms"')
        return float(read[1]) * _UNITS[read[2]]

    @property
    def match(self) -> Match:
        """The predicate of all fields together. `everything` itself for an empty query."""
        return match_for(self.query, self.to, self.subject, self.since)


class Inbox(msgspec.Struct, frozen=True):
    """Finds the mails that a request asks for."""

    studio: Studio
    captured: CapturedMails
    query: MailQuery

    async def mails(self) -> list[CapturedMail]:
        """Return the mails of the query, once there is one or the time of the query is over."""
        query = self.query
        ends = time.monotonic() + query.seconds
        while True:
            mails = await asyncio.to_thread(
                self.captured.newest, query.match, limit=query.limit, skip=query.start
            )
            left = ends - time.monotonic()
            if mails or left <= 0 or self.studio.stopping.is_set():
                return mails
            await asyncio.sleep(min(left, _LOOK_UP))

    async def read(self, name: str, read: Callable[[CapturedMail, MailContent], _Read]) -> _Read:
        """Read a mail by its id, or by "latest" the newest of the query, and mark it as read.

        Raises LookupError.
        """
        if name == "latest":
            mails = await self.mails()
            if not mails:
                raise LookupError("No mail matches.")
            mail = mails[0]
        else:
            mail = await asyncio.to_thread(self.captured.find, name)

        def in_thread() -> _Read:
            content = self.captured.content(mail.id)
            self.captured.mark_read(mail.id)
            return read(mail, content)

        return await asyncio.to_thread(in_thread)


@get(["/messages", "/search"])
async def messages(inbox: NamedDependency[Inbox]) -> dict[str, Any]:
    mails = await inbox.mails()
    return await asyncio.to_thread(_list_of, inbox, mails)


@delete("/messages", status_code=200, media_type=MediaType.TEXT, sync_to_thread=True)
def delete_messages(body: RawBody, inbox: NamedDependency[Inbox]) -> str:
    """Delete the mails whose ids the body has, else those of the query, else all."""
    try:
        ids = msgspec.json.decode(body or b"{}", type=Chosen).ids
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValidationException(detail=f"The body cannot be read: {error}") from error
    match = inbox.query.match
    if ids and match is not everything:
        raise ValidationException(detail="Give IDs or a query, not both.")
    inbox.captured.delete(with_id(*ids) if ids else match)
    return "ok"


class Chosen(msgspec.Struct, frozen=True):
    ids: list[str] = msgspec.field(default_factory=list, name="IDs")


@get("/message/{name:str}")
async def message(name: FromPath[str], inbox: NamedDependency[Inbox]) -> dict[str, Any]:
    return await inbox.read(name, _whole)


@get("/message/{name:str}/headers")
async def message_headers(
    name: FromPath[str], inbox: NamedDependency[Inbox]
) -> dict[str, list[str]]:
    return await inbox.read(name, _headers)


@get("/message/{name:str}/raw", media_type=MediaType.TEXT)
async def message_raw(name: FromPath[str], inbox: NamedDependency[Inbox]) -> bytes:
    return await inbox.read(name, _raw)


@get("/view/{file:str}")
async def view_page(file: FromPath[str], inbox: NamedDependency[Inbox]) -> Response[Any]:
    """Show the mail alone, for a screenshot: "latest.html", "ID.txt"."""
    name, _, kind = file.rpartition(".")
    if kind not in ("html", "txt"):
        raise LookupError("Ask for ID.html or ID.txt.")

    def answer(mail: CapturedMail, content: MailContent) -> Response[Any]:
        if kind == "txt":
            return Response(content.text, media_type="text/plain; charset=utf-8")
        # As it is, which needs no renderer.
        return captured_frame(content, mail.id, View(), Runner(None))

    return await inbox.read(name, answer)


@get("/certificate", media_type="application/x-pem-file", sync_to_thread=False)
def certificate(inbox: NamedDependency[Inbox]) -> str:
    """Return the certificate that clients of the SMTP server are to trust."""
    if not inbox.studio.certificate:
        raise LookupError("The SMTP server has no TLS: start it with --starttls or --smtps.")
    return inbox.studio.certificate


def _list_of(inbox: Inbox, mails: list[CapturedMail]) -> dict[str, Any]:
    """Return mails, newest first.

    `total`, `unread`: of all. `messages_count`, `messages_unread`: of the matches.
    """
    every = inbox.captured.newest(limit=None)
    matches = list(filter(inbox.query.match, every))
    return {
        "total": len(every),
        "unread": sum(map(unread, every)),
        "count": len(mails),
        "messages_count": len(matches),
        "messages_unread": sum(map(unread, matches)),
        "start": inbox.query.start,
        "tags": [],
        "messages": [_row(mail) for mail in mails],
    }


def _row(mail: CapturedMail) -> dict[str, Any]:
    return _both(mail) | {
        "Read": mail.read,
        "Created": mail.at,
        "Attachments": mail.attachments,
        "Snippet": mail.snippet,
    }


def _whole(mail: CapturedMail, content: MailContent) -> dict[str, Any]:
    """Return a whole mail.

    `Links` and `Codes` are Keyturn's own: what a reader would follow and type.
    """
    files = content.attachments
    return _both(mail) | {
        "ReturnPath": mail.return_path,
        "Date": mail.at,
        "Text": content.text,
        "HTML": content.html,
        "Inline": [_file(part) for part in files if part.inline],
        "Attachments": [_file(part) for part in files if not part.inline],
        "Links": [link.address for link in content.links],
        "Codes": content.codes,
    }


def _both(mail: CapturedMail) -> dict[str, Any]:
    """Return what a row of the list and a whole mail share."""
    return {
        "ID": mail.id,
        "MessageID": mail.message_id,
        "From": mail.sender,
        "To": mail.to,
        "Cc": mail.cc,
        "Bcc": mail.bcc,
        "ReplyTo": mail.reply_to,
        "Subject": mail.subject,
        "Username": mail.username,
        "Tags": [],
        "Size": mail.size,
    }


def _headers(_: CapturedMail, content: MailContent) -> dict[str, list[str]]:
    """Return the values of each header, by its name as the mail spells it."""
    values: dict[str, list[str]] = {}
    for name, value in content.headers:
        values.setdefault(name, []).append(value)
    return values


def _raw(_: CapturedMail, content: MailContent) -> bytes:
    return content.raw


def _file(part: Attachment) -> dict[str, Any]:
    return {
        "PartID": str(part.number),
        "FileName": part.name,
        "ContentType": part.content_type,
        "ContentID": part.content_id,
        "Size": part.size,
    }


_HANDLERS = (messages, delete_messages, message, message_headers, message_raw, certificate)


def inbox_api(studio: Studio, captured: CapturedMails, path: str = "/") -> Router:
    """Return the routes for programs below `path`."""

    def inbox(request: Request[Any, Any, Any]) -> Inbox:
        try:
            query = msgspec.convert(dict(request.query_params), MailQuery, strict=False)
        except msgspec.ValidationError as error:
            raise ValidationException(detail=f"The query cannot be read: {error}") from error
        return Inbox(studio, captured, query)

    current = Router("/api", route_handlers=_HANDLERS)
    of_mailpit = Router("/api/v1", route_handlers=_HANDLERS)
    return Router(
        path,
        route_handlers=[current, of_mailpit, view_page],
        dependencies={"inbox": Provide(inbox, sync_to_thread=False)},
        guards=[admit_programs(studio)],
        exception_handlers=AS_PROBLEMS,
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )
