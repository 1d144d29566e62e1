"""How much waits, and for how long already."""

from datetime import timedelta

import msgspec
from sqlalchemy import func, select

from keyturn.database import Database, now
from keyturn.outbox.models import STILL_WAITING, OutboxRow
from keyturn.outbox.sealing import Seal, SealBroken

_BATCH = 100


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Measures what waits. `oldest` is the age of the oldest message that is not settled; nothing where none waits."""

    waiting: int
    oldest: timedelta


async def backlog_of(database: Database) -> Backlog:
    """Return the outbox's backlog: one statement over the index of what waits. Raises DatabaseUnready."""
    counted = select(func.count().label("waiting"), func.min(OutboxRow.created_at).label("since"))
    (row,) = await database.fetch(counted.where(STILL_WAITING))
    oldest = max(now() - row["since"], timedelta(0)) if row["waiting"] else timedelta(0)
    return Backlog(waiting=row["waiting"], oldest=oldest)


async def mails_sealed_otherwise(database: Database, seal: Seal) -> int:
    """Return how many waiting mails the seal does not open. Raises DatabaseUnready."""
    others, last = 0, 0
    sealed = select(OutboxRow.id, OutboxRow.sealed).where(STILL_WAITING, OutboxRow.sealed.is_not(None))
    while found := await database.fetch(sealed.where(OutboxRow.id > last).order_by(OutboxRow.id).limit(_BATCH)):
        for row in found:
            try:
                seal.open(bytes(row["sealed"]))
            except SealBroken:
                others += 1
        last = found[-1]["id"]
    return others
