"""The mails: listed, searched, waited for, read one by one, marked as read, and deleted."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from litestar import MediaType, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, RawBody

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.query import EVERYTHING, UNREAD, Condition, search_condition, with_id
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import CapturedMail
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio import frames
from keyturn.emails.studio.api.shapes import (
    MailpitNames,
    MailQuery,
    MessageList,
    WholeMessage,
    message_of,
    read_body,
    summary_of,
)
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.frames import attached
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View

_OK = "ok"
_COUNTED = 1_000
"""Matches are counted up to this number: a common word among 100,000 mails takes longer to count than to find."""


class Chosen(MailpitNames, frozen=True, kw_only=True):
    """The ids of mails. Empty: all mails."""

    ids: list[str] = msgspec.field(default_factory=list, name="IDs")


class Marked(Chosen, frozen=True, kw_only=True):
    """How to mark mails: those with the ids, or those that a search finds."""

    read: bool = False
    search: str = ""

    def __post_init__(self) -> None:
        search_condition(self.search, is_exact=True)  # its ValueError becomes the answer


@get(["/messages", "/search"])
async def messages(
    asked: NamedDependency[MailQuery], studio: NamedDependency[Studio], captured: NamedDependency[CapturedMails]
) -> MessageList:
    mails = await wait_for_mails(studio, captured, asked)
    return await asyncio.to_thread(_message_list, captured, asked, mails)


@put("/messages", media_type=MediaType.TEXT, sync_to_thread=True)
def mark_messages(body: RawBody, captured: NamedDependency[CapturedMails]) -> str:
    marked = read_body(body, Marked)
    if marked.ids and marked.search:
        raise ValidationException(detail="Give IDs or Search, not both.")
    condition = with_id(*marked.ids) if marked.ids else search_condition(marked.search)
    captured.mark_read(condition, read=marked.read)
    return _OK


@delete("/messages", status_code=200, media_type=MediaType.TEXT, sync_to_thread=True)
def delete_messages(body: RawBody, asked: NamedDependency[MailQuery], captured: NamedDependency[CapturedMails]) -> str:
    """Delete the mails of the body, else those of the query, else all."""
    chosen = read_body(body, Chosen)
    if chosen.ids and not asked.asks_for_all:
        raise ValidationException(detail="Give IDs or a query, not both.")
    captured.delete(with_id(*chosen.ids) if chosen.ids else asked.condition)
    return _OK


@delete("/search", status_code=200, media_type=MediaType.TEXT, sync_to_thread=True)
def delete_found(asked: NamedDependency[MailQuery], captured: NamedDependency[CapturedMails]) -> str:
    if asked.asks_for_all:
        raise ValidationException(detail="Choose the mails to delete by ?query=, ?to=, ?subject=, ?tag= or ?since=.")
    captured.delete(asked.condition)
    return _OK


def _message_list(captured: CapturedMails, asked: MailQuery, mails: list[CapturedMail]) -> MessageList:
    def counts(condition: Condition, most: int = -1) -> tuple[int, int]:
        return captured.count(condition, most), captured.count(condition & UNREAD, most)

    total, unread = counts(EVERYTHING)
    of_found, of_found_unread = (total, unread) if asked.asks_for_all else counts(asked.condition, _COUNTED)
    return MessageList(
        total=total,
        unread=unread,
        count=len(mails),
        messages_count=of_found,
        messages_unread=of_found_unread,
        start=asked.start,
        tags=list(captured.tags()),
        messages=[summary_of(mail) for mail in mails],
    )


_Read = TypeVar("_Read")


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of a mail. `unchecked`: why a part was not checked."""

    findings: tuple[Finding, ...]
    unchecked: str


class OneMail:
    """Finds the mail that a request names, and reads it in a thread."""

    def __init__(self, studio: Studio, captured: CapturedMails, asked: MailQuery) -> None:
        self._studio = studio
        self._captured = captured
        self._asked = asked

    async def read(self, name: str, read: Callable[[CapturedMail, MailContent], _Read]) -> _Read:
        """Return the result of `read`, and mark the mail as read. Raises LookupError for an unknown mail."""
        mail = await wait_for_mail(self._studio, self._captured, name, self._asked)

        def in_thread() -> _Read:
            content = MailContent(self._captured.raw(mail))
            self._captured.mark_read(with_id(mail.id), read=True)
            return read(mail, content)

        return await asyncio.to_thread(in_thread)


@get("/message/{name:str}")
async def message(name: FromPath[str], one_mail: NamedDependency[OneMail]) -> WholeMessage:
    return await one_mail.read(name, message_of)


@get("/message/{name:str}/headers")
async def message_headers(name: FromPath[str], one_mail: NamedDependency[OneMail]) -> dict[str, list[str]]:
    def headers(_: CapturedMail, content: MailContent) -> dict[str, list[str]]:
        values: dict[str, list[str]] = {}
        for key, value in content.headers:
            values.setdefault(key, []).append(value)
        return values

    return await one_mail.read(name, headers)


@get("/message/{name:str}/raw", media_type=MediaType.TEXT)
async def message_raw(name: FromPath[str], one_mail: NamedDependency[OneMail]) -> bytes:
    return await one_mail.read(name, lambda _, content: content.raw)


@get("/message/{name:str}/checks")
async def message_checks(
    name: FromPath[str], one_mail: NamedDependency[OneMail], captured_checks: NamedDependency[CapturedChecks]
) -> Checked:
    def check(mail: CapturedMail, content: MailContent) -> Checked:
        report = captured_checks.check(mail, content)
        return Checked(findings=report.findings, unchecked=report.unchecked)

    return await one_mail.read(name, check)


@get("/message/{name:str}/part/{number:int}")
async def message_part(
    name: FromPath[str], number: FromPath[int], one_mail: NamedDependency[OneMail]
) -> Response[bytes]:
    part = await one_mail.read(name, lambda _, content: content.attachment(number))
    return attached(part.content, part.content_type, part.name)


@get("/view/{file:str}")
async def view_page(file: FromPath[str], one_mail: NamedDependency[OneMail]) -> Response[Any]:
    """Show the mail alone, for a screenshot: "latest.html", "ID.txt"."""
    name, _, kind = file.rpartition(".")
    if kind not in ("html", "txt"):
        raise LookupError("Ask for ID.html or ID.txt.")

    def answer(mail: CapturedMail, content: MailContent) -> Response[Any]:
        if kind == "txt":
            return Response(content.text, media_type="text/plain; charset=utf-8")
        html = content.html or frames.page_of_text(content.text)
        return frames.captured_frame(content, mail.id, View(), html=html)

    return await one_mail.read(name, answer)


_LOOK_UP = 0.25
"""Seconds between two looks at the folder and at a stopping studio, which wake no waiting request."""


async def wait_for_mails(studio: Studio, captured: CapturedMails, asked: MailQuery) -> list[CapturedMail]:
    """Return the mails of a query, once there is one or the time of the query is over."""
    ends, condition = time.monotonic() + asked.seconds, asked.condition
    while True:
        seen = captured.arrivals.revision
        mails = await asyncio.to_thread(captured.newest, condition, limit=asked.limit, skip=asked.start)
        left = ends - time.monotonic()
        if mails or left <= 0 or studio.stopping.is_set():
            return mails
        await captured.arrivals.wait_in_loop(seen, min(left, _LOOK_UP))


async def wait_for_mail(studio: Studio, captured: CapturedMails, name: str, asked: MailQuery) -> CapturedMail:
    """Return a mail by its id, or by "latest" the newest of the query. Raises LookupError."""
    if name != "latest":
        return await asyncio.to_thread(captured.find, name)
    mails = await wait_for_mails(studio, captured, asked)
    if not mails:
        raise LookupError("No mail matches.")
    return mails[0]


HANDLERS = (
    messages,
    mark_messages,
    delete_messages,
    delete_found,
    message,
    message_headers,
    message_raw,
    message_checks,
    message_part,
)
