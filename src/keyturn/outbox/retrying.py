"""An operator's second chance for a message: due now where it waits, begun anew where it came to nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import Database
from keyturn.errors import KeyturnError
from keyturn.outbox.history import Event, note
from keyturn.outbox.message import new_key
from keyturn.outbox.models import DEAD, DROPPED, ERASED, WAITING, OutboxRow
from keyturn.outbox.reading import MessageUnknown, shown_state

Outcome = Literal["hastened", "reopened", "under way"]


class RetryRefused(KeyturnError):
    """A message cannot be tried again: a provider has it, or it is too old."""


async def retry(database: Database, ids: Sequence[int], moment: datetime) -> Sequence[Outcome]:
    """Give each message another try, and return what that was.

    Raises RetryRefused or MessageUnknown, and then nothing was changed.

    A dead or dropped mail begins anew: what it would have sent was erased, so the worker decides and writes again, and
    under a new idempotency key where a transport may know the old one. A webhook says the same under the same key.
    What was accepted by a provider is not sent twice.
    """
    async with database.transaction() as session:
        outcomes = [await _retry(session, message_id, moment, database.clock()) for message_id in ids]
        await session.commit()
    return outcomes


async def _retry(session: AsyncSession, message_id: int, moment: datetime, clock: ColumnElement[datetime]) -> Outcome:
    # The row is locked, so that no worker settles it in between.
    found = await session.execute(
        select(OutboxRow, shown_state(), OutboxRow.available_at > clock)
        .where(OutboxRow.id == message_id)
        .with_for_update(of=OutboxRow)
    )
    row, shown, waits = found.one_or_none() or (None, "", False)
    if row is None:
        raise MessageUnknown(message_id)
    if shown == WAITING:
        if row.claim and waits:
            return "under way"
        if waits:  # what is due already keeps its place
            row.available_at = clock
        return await _note_outcome(session, row, "hastened", moment)
    if shown not in {DEAD, DROPPED}:
        raise RetryRefused(f"message {message_id} was accepted by {row.sender} and is {shown}: it is not sent twice")
    if row.payload == ERASED:
        raise RetryRefused(f"message {message_id} is too old: whose it was has been erased")
    if row.sender:
        row.key = new_key()
    row.state, row.available_at = WAITING, clock
    row.attempts, row.crashes, row.reason, row.sender, row.settled_at = 0, 0, None, None, None
    return await _note_outcome(session, row, "reopened", moment)


async def _note_outcome(session: AsyncSession, row: OutboxRow, outcome: Outcome, moment: datetime) -> Outcome:
    await note(session, Event(message_id=row.id, event=outcome, detail="by an operator", at=moment))
    return outcome
