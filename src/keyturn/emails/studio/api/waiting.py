"""Waiting for a mail: the request that asks for it is answered when it is there, or when its time is over."""

import asyncio
import time

from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.api.asked import Asked
from keyturn.emails.studio.studio import Studio

_LOOK_UP = 0.25
"""Seconds after which the folder is looked into again, and whether the studio stops: neither wakes who waits."""


async def found(studio: Studio, captured: CapturedMails, asked: Asked) -> list[CapturedMail]:
    """Return the mails that are asked for, waiting until there is one, for as long as was said."""
    ends, condition = time.monotonic() + asked.seconds, asked.condition
    while True:
        seen = captured.arrivals.revision
        mails = await asyncio.to_thread(captured.newest, condition, limit=asked.limit, skip=asked.start)
        left = ends - time.monotonic()
        if mails or left <= 0 or studio.stopping.is_set():
            return mails
        await captured.arrivals.wait_in_loop(seen, min(left, _LOOK_UP))


async def found_one(studio: Studio, captured: CapturedMails, name: str, asked: Asked) -> CapturedMail:
    """Return the mail of an id; by "latest" the newest that is asked for. Raises LookupError where there is none."""
    if name != "latest":
        return await asyncio.to_thread(captured.find, name)
    mails = await found(studio, captured, asked)
    if not mails:
        raise LookupError("No such mail has come.")
    return mails[0]
