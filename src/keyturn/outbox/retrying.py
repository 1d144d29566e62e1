"""An operator's second chance for a message: due now where it waits, begun anew where it came to nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, select, update

from keyturn.database import Database
from keyturn.errors import KeyturnError
from keyturn.outbox.history import Event, note
from keyturn.outbox.message import new_key
from keyturn.outbox.models import DEAD, DROPPED, ERASED, WAITING, OutboxRow
from keyturn.outbox.reading import MessageUnknown, shown_state

Outcome = Literal["hastened", "reopened", "under way"]


_DECISIVE = (OutboxRow.claim, OutboxRow.sender, OutboxRow.payload)
_ANEW: Mapping[str, Any] = {
    "state": WAITING,
    "attempts": 0,
    "crashes": 0,
    "reason": None,
    "sender": None,
    "settled_at": None,
}


class RetryRefused(KeyturnError):
    """A message cannot be tried again: a provider has it, or it is too old."""


async def retry(database: Database, ids: Sequence[int], moment: datetime) -> Sequence[Outcome]:
    """Give each message another try, and return what that was.

    Raises RetryRefused or MessageUnknown, and then nothing was changed.

    A dead or dropped mail begins anew: what it would have sent was erased, so the worker decides and writes again, and
    under a new idempotency key where a transport may know the old one. A webhook says the same under the same key.
    What was accepted by a provider is not sent twice.
    """
    clock = database.clock()

    def write(connection: Connection) -> Sequence[Outcome]:
        return [_retry(connection, message_id, moment, clock) for message_id in ids]

    return await database.transact(write)


def _retry(connection: Connection, message_id: int, moment: datetime, clock: ColumnElement[datetime]) -> Outcome:
    # The row is locked, so that no worker settles it in between.
    found = connection.execute(
        select(*_DECISIVE, shown_state().label("shown"), (OutboxRow.available_at > clock).label("waits"))
        .where(OutboxRow.id == message_id)
        .with_for_update(of=OutboxRow)
    )
    row = found.one_or_none()
    if row is None:
        raise MessageUnknown(message_id)
    if row.shown == WAITING:
        if row.claim and row.waits:
            return "under way"
        # What is due already keeps its place.
        return _write(connection, message_id, moment, "hastened", {"available_at": clock} if row.waits else {})
    if row.shown not in {DEAD, DROPPED}:
        raise RetryRefused(
            f"message {message_id} was accepted by {row.sender} and is {row.shown}: it is not sent twice"
        )
    if row.payload == ERASED:
        raise RetryRefused(f"message {message_id} is too old: whose it was has been erased")
    anew = {**_ANEW} | {"available_at": clock} | ({"key": new_key()} if row.sender else {})
    return _write(connection, message_id, moment, "reopened", anew)


def _write(
    connection: Connection, message_id: int, moment: datetime, outcome: Outcome, values: Mapping[str, Any]
) -> Outcome:
    if values:
        connection.execute(update(OutboxRow).where(OutboxRow.id == message_id).values(values))
    note(connection, Event(message_id=message_id, event=outcome, detail="by an operator", at=moment))
    return outcome
