"""How a message ends, or is left for later. What ends at the same moment shares one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Boolean, bindparam, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import Database, Moment, now
from keyturn.database.batching import Batcher
from keyturn.errors import DatabaseUnready
from keyturn.outbox.history import Event, note
from keyturn.outbox.message import Message, Sent
from keyturn.outbox.models import DEAD, DROPPED, SENT, WAITING, EventRow, OutboxRow

_LONGEST = 120
"""Characters of a reason and of a provider's id, as the columns hold them."""

_COLUMNS = OutboxRow.__table__.c


class _End(msgspec.Struct, frozen=True, kw_only=True):
    """Ends a message as `state`: for a `reason`, or as `provider_id` of the transport `sender`."""

    message: Message
    state: str
    at: datetime
    reason: str | None = None
    sender: str | None = None
    provider_id: str | None = None


class Settlements:
    """Writes what has become of claimed messages, and notes it in their history."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ends: Batcher[_End, None] = Batcher(self._end_all, common=DatabaseUnready)

    async def sent(self, message: Message, sent: Sent) -> None:
        """Note that the provider has it. That stays true however late it is said, and whoever holds the row by now."""
        provider_id = sent.provider_id[:_LONGEST]
        await self._ends.submit(
            _End(message=message, state=SENT, at=now(), sender=sent.sender, provider_id=provider_id)
        )

    async def dropped(self, message: Message, reason: str) -> None:
        await self._ends.submit(_End(message=message, state=DROPPED, at=now(), reason=reason[:_LONGEST]))

    async def dead(self, message: Message, reason: str) -> None:
        await self._ends.submit(_End(message=message, state=DEAD, at=now(), reason=reason[:_LONGEST]))

    async def _end_all(self, ends: Sequence[_End]) -> Sequence[None]:
        # In the order of their ids, as every statement that locks several: two workers never wait for each other.
        rows = [_row(end) for end in sorted(ends, key=lambda end: end.message.id)]
        async with self._database.transaction() as session:
            connection = await session.connection()
            await connection.execute(_NOTED, rows)
            await connection.execute(_ENDED, rows)
            await session.commit()
        return [None] * len(ends)

    async def reported(self, session: AsyncSession, message_id: int, sent: Sent) -> None:
        """Note in the caller's transaction that a message which waits for another try needs none: the provider has it.

        A worker that holds it loses it; one that has just handed it over says the same.
        """
        settled = (
            update(OutboxRow)
            .where(OutboxRow.id == message_id, OutboxRow.state == WAITING)
            .values(
                state=SENT, settled_at=now(), sender=sent.sender, provider_id=sent.provider_id[:_LONGEST],
                reason=None, sealed=None, claim=None,
            )
            .returning(OutboxRow.id)
        )  # fmt: skip
        if (await session.execute(settled)).first() is not None:
            await note(session, Event(message_id=message_id, event=SENT, detail=sent.sender, at=now()))

    async def postpone(self, message: Message, until: Moment, reason: str) -> None:
        """Let the message be claimed again at `until`, unless it is in other hands by now."""
        await self._release(message, "retried", reason, available_at=until, attempts=message.attempts, crashes=0)

    async def postpone_after_crash(self, message: Message, until: Moment, reason: str) -> None:
        """Do what `postpone` does, where the fault is ours: no provider's try is counted, and what is noted stays."""
        await self._release(message, "retried", reason, available_at=until)

    async def defer(self, message: Message, until: datetime, reason: str) -> None:
        """Do what `postpone` does, where the message is not to blame: the try does not count."""
        await self._release(message, "parked", reason, available_at=until, crashes=0)

    async def _release(self, message: Message, event: str, reason: str, **values: object) -> None:
        held = update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        released = held.values(claim=None, reason=reason[:_LONGEST], **values).returning(OutboxRow.id)
        async with self._database.transaction() as session:
            if (await session.execute(released)).first() is not None:
                await note(session, Event(message_id=message.id, event=event, detail=reason[:_LONGEST], at=now()))
            await session.commit()


def _row(end: _End) -> dict[str, object]:
    return {
        "held_id": end.message.id, "held_claim": end.message.claim, "is_sent": end.state == SENT,
        "end_state": end.state, "end_at": end.at, "end_attempts": end.message.attempts, "end_reason": end.reason,
        "end_sender": end.sender, "end_provider_id": end.provider_id, "end_detail": end.reason or end.sender,
    }  # fmt: skip


def _given(name: str, column: Any) -> Any:
    return bindparam(name, type_=column.type)


_STILL_OPEN = (_COLUMNS.id == _given("held_id", _COLUMNS.id)) & (
    (_COLUMNS.claim == _given("held_claim", _COLUMNS.claim))
    | (bindparam("is_sent", type_=Boolean()) & (_COLUMNS.state != literal(SENT)))
)
"""Who holds a message ends it; that it was sent is true whoever says it."""

_NOTED = insert(EventRow).from_select(
    ["message_id", "event", "detail", "at"],
    select(
        _COLUMNS.id,
        _given("end_state", EventRow.event),
        _given("end_detail", EventRow.detail),
        _given("end_at", EventRow.at),
    )
    .where(_STILL_OPEN)
    .with_for_update(),
)

_ENDED = (
    update(OutboxRow.__table__)  # type: ignore[arg-type]
    .where(_STILL_OPEN)
    .values(
        state=_given("end_state", _COLUMNS.state),
        settled_at=_given("end_at", _COLUMNS.settled_at),
        attempts=_given("end_attempts", _COLUMNS.attempts),
        reason=_given("end_reason", _COLUMNS.reason),
        sender=func.coalesce(_given("end_sender", _COLUMNS.sender), _COLUMNS.sender),
        provider_id=func.coalesce(_given("end_provider_id", _COLUMNS.provider_id), _COLUMNS.provider_id),
        sealed=None,
        claim=None,
    )
)
