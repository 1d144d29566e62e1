"""How much waits, and for how long already."""

from datetime import timedelta

import msgspec
from sqlalchemy import func, select

from keyturn.database import Database, now
from keyturn.outbox.models import STILL_WAITING, OutboxRow


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
