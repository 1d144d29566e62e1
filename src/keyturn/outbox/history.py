"""What happened to a message: our own tries, and what the provider reports of it later."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import Database
from keyturn.outbox.models import EventRow


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`event` is "retried", "parked", "sent", "dropped" or "dead" where it is ours, else the provider's own word."""

    message_id: int | None
    event: str
    detail: str
    at: datetime


async def note(session: AsyncSession, event: Event) -> None:
    """Write an event in the caller's transaction."""
    await session.execute(insert(EventRow).values(**msgspec.structs.asdict(event)))


async def history_of(database: Database, message_id: int) -> Sequence[Event]:
    """Return what happened to a message, the oldest first, by the time at which it happened."""
    columns = [getattr(EventRow, name) for name in Event.__struct_fields__]
    statement = select(*columns).where(EventRow.message_id == message_id).order_by(EventRow.at, EventRow.id)
    async with database.reading() as connection:
        return [Event(**row) for row in (await connection.execute(statement)).mappings()]
