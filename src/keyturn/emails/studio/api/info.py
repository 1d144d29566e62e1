"""What the inbox is and holds, and whether it runs."""

import asyncio
from importlib.metadata import version

from litestar import MediaType, get
from litestar.di import NamedDependency

from keyturn.emails.inbox.query import EVERYTHING, UNREAD
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.api.shapes import Named


class Info(Named, frozen=True, kw_only=True):
    """Counts the mails."""

    version: str
    messages: int
    unread: int
    tags: dict[str, int]


@get("/info")
async def info(captured: NamedDependency[CapturedMails]) -> Info:
    def count() -> Info:
        return Info(
            version=version("keyturn"),
            messages=captured.count(EVERYTHING),
            unread=captured.count(UNREAD),
            tags=captured.tags(),
        )

    return await asyncio.to_thread(count)


@get("/tags")
async def tags(captured: NamedDependency[CapturedMails]) -> list[str]:
    return list(await asyncio.to_thread(captured.tags))


@get(["/livez", "/readyz"], media_type=MediaType.TEXT, sync_to_thread=False)
def alive() -> str:
    return "ok"


HANDLERS = (info, tags)
