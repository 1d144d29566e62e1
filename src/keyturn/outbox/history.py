"""What happened to a message: our own tries, and what the provider reports of it later."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, or_, select

from keyturn.database import Database
from keyturn.database.inserts import insert_into
from keyturn.outbox.models import EventRow, OutboxRow


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    `event` is "retried", "parked", "sent", "dropped" or "dead" where a worker says so, "hastened" or "reopened" where
    an operator did it, else the provider's own word; then `source_id` is its name of the report.
    """

    message_id: int
    event: str
    detail: str
    at: datetime
    source_id: str | None = None


def note(connection: Connection, event: Event) -> None:
    """Write an event in the caller's transaction."""
    connection.execute(insert(EventRow).values(**msgspec.structs.asdict(event)))


def note_report(connection: Connection, event: Event) -> bool:
    """Write what a provider reports; tell whether it was not there before."""
    fresh = insert_into(EventRow, connection.dialect).values(**msgspec.structs.asdict(event))
    statement = fresh.on_conflict_do_nothing(index_elements=[EventRow.source_id]).returning(EventRow.id)
    return connection.execute(statement).first() is not None


async def message_behind(database: Database, provider_id: str, key: str) -> int | None:
    """Return the message that a provider knows by its own id or by our idempotency key; None where it is not ours."""
    statement = select(OutboxRow.id).where(or_(OutboxRow.provider_id == provider_id, OutboxRow.key == key))
    rows = await database.fetch(statement.limit(1))
    return int(rows[0]["id"]) if rows else None


async def history_of(database: Database, message_id: int) -> Sequence[Event]:
    """Return what happened to a message, the oldest first, by the time at which it happened."""
    columns = [getattr(EventRow, name) for name in Event.__struct_fields__]
    statement = select(*columns).where(EventRow.message_id == message_id).order_by(EventRow.at, EventRow.id)
    return [Event(**row) for row in await database.fetch(statement)]
