"""The history of a message: Keyturn's own tries, and the provider's later reports."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.outbox.models import DEAD, DROPPED, SENT, WAITING, EventRow, OutboxRow


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a message's history.

    `event`: what a worker or an operator did, or what the provider reported.
    `source_id`: the provider's id of its report; None for the other entries.
    """

    message_id: int
    event: str
    detail: str
    at: datetime
    source_id: str | None = None


def note_report(connection: Connection, event: Event) -> bool:
    """Write a provider's report; return whether it is new."""
    written = insert_into(EventRow, connection.dialect).values(**msgspec.structs.asdict(event))
    # Providers repeat their reports.
    if_new = written.on_conflict_do_nothing(index_elements=[EventRow.source_id])
    return connection.execute(if_new.returning(EventRow.id)).first() is not None


async def message_behind(database: Database, provider_id: str, key: str) -> int | None:
    """Return the id of the message with this provider id or idempotency key, or None."""
    named = (
        select(OutboxRow.id)
        .where(or_(OutboxRow.provider_id == provider_id, OutboxRow.key == key))
        .limit(1)
    )
    return await database.read(lambda connection: connection.scalar(named))


async def history_of(database: Database, message_id: int) -> Sequence[Event]:
    """Return the history of a message, the oldest event first."""
    columns = [getattr(EventRow, name) for name in Event.__struct_fields__]
    events = select(*columns).where(EventRow.message_id == message_id)
    oldest_first = events.order_by(EventRow.at, EventRow.id)
    return [Event(**row) for row in await database.fetch(oldest_first)]


_MEANINGS = {
    "delivery_delayed": "delayed",
    "delivered": "delivered",
    "opened": "delivered",
    "clicked": "delivered",
    "failed": "failed",
    "suppressed": "suppressed",
    "bounced": "bounced",
    "complained": "complained",
}
"""The state of a mail by a provider's event, the weightiest event last.

Reports arrive in any order, so the weightiest one counts.
"""

STATES = (WAITING, SENT, *dict.fromkeys(_MEANINGS.values()), DROPPED, DEAD)


def shown_state() -> ColumnElement[str]:
    """Return the expression for a message's state.

    It is the state of the row, until a provider has reported a later one.
    """
    # Each state has its weight as its first digit, so the greatest text is the weightiest state.
    weighed = {}
    for weight, (event, state) in enumerate(_MEANINGS.items()):
        weighed[event] = f"{weight}{state}"
    weightiest = func.substr(func.max(case(weighed, value=EventRow.event)), 2)
    reported = (
        select(weightiest)
        .where(EventRow.message_id == OutboxRow.id)
        .correlate(OutboxRow)
        .scalar_subquery()
    )
    # A waiting message is tried again, whatever a provider reported of an earlier try.
    return case(
        (OutboxRow.state == WAITING, OutboxRow.state),
        else_=func.coalesce(reported, OutboxRow.state),
    )
