"""How much waits, and for how long already."""

from datetime import timedelta

import msgspec
from sqlalchemy import func, select

from keyturn.database import Database, now
from keyturn.outbox.models import WAITING, OutboxRow


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Measures what waits. `oldest` is the age of the oldest message that is not settled; nothing where none waits."""

    waiting: int
    oldest: timedelta


async def backlog_of(database: Database) -> Backlog:
    """Return the outbox's backlog: one statement over the index of what waits. Raises DatabaseUnready."""
    statement = select(func.count(), func.min(OutboxRow.created_at)).where(OutboxRow.state == WAITING)
    async with database.connection() as connection:
        waiting, since = (await connection.execute(statement)).one()
    return Backlog(waiting=waiting, oldest=max(now() - since, timedelta(0)) if waiting else timedelta(0))
