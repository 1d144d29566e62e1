"""Many mails: listed, searched, waited for, marked as read, deleted."""

import asyncio
from typing import Any

import msgspec
from litestar import MediaType, Request, delete, get, put
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.status_codes import HTTP_200_OK

from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.query import EVERYTHING, UNREAD, Condition, search_condition, with_id
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.api.asked import Asked, read_body
from keyturn.emails.studio.api.shapes import MessageList, Named, summary_of
from keyturn.emails.studio.api.waiting import found
from keyturn.emails.studio.studio import Studio

_OK = "ok"
_COUNTED = 1_000
"""Of what is found so many mails are counted: a common word among 100,000 takes longer to count than to find."""


class Chosen(Named, frozen=True, kw_only=True):
    """The mails that a body chooses, by their ids; all where it names none."""

    ids: list[str] = msgspec.field(default_factory=list, name="IDs")


class Marked(Chosen, frozen=True, kw_only=True):
    """How to mark them: those of the ids, or those that a search finds."""

    read: bool = False
    search: str = ""

    def __post_init__(self) -> None:
        search_condition(self.search, is_exact=True)  # whose ValueError is told


@get(["/messages", "/search"])
async def messages(
    asked: NamedDependency[Asked], studio: NamedDependency[Studio], captured: NamedDependency[CapturedMails]
) -> MessageList:
    mails = await found(studio, captured, asked)
    return await asyncio.to_thread(_listed, captured, asked, mails)


@put("/messages", media_type=MediaType.TEXT)
async def mark_messages(request: Request[Any, Any, Any], captured: NamedDependency[CapturedMails]) -> str:
    marked = await read_body(request, Marked)
    if marked.ids and marked.search:
        raise ValidationException(detail="Say IDs or Search, not both.")
    condition = with_id(*marked.ids) if marked.ids else search_condition(marked.search)
    await asyncio.to_thread(captured.mark_read, condition, read=marked.read)
    return _OK


@delete("/messages", status_code=HTTP_200_OK, media_type=MediaType.TEXT)
async def delete_messages(
    request: Request[Any, Any, Any], asked: NamedDependency[Asked], captured: NamedDependency[CapturedMails]
) -> str:
    """Delete those of the body, else those of the query, else all."""
    chosen = await read_body(request, Chosen)
    if chosen.ids and not asked.asks_for_all:
        raise ValidationException(detail="Say IDs or a query, not both.")
    await asyncio.to_thread(captured.delete, with_id(*chosen.ids) if chosen.ids else asked.condition)
    return _OK


@delete("/search", status_code=HTTP_200_OK, media_type=MediaType.TEXT)
async def delete_found(asked: NamedDependency[Asked], captured: NamedDependency[CapturedMails]) -> str:
    if asked.asks_for_all:
        raise ValidationException(detail="Say what to delete: ?query=, ?to=, ?subject=, ?tag= or ?since=.")
    await asyncio.to_thread(captured.delete, asked.condition)
    return _OK


def _listed(captured: CapturedMails, asked: Asked, mails: list[CapturedMail]) -> MessageList:
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


HANDLERS = (messages, mark_messages, delete_messages, delete_found)
