"""Writing to the outbox, and claiming from it."""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.batching import Batcher
from keyturn.database import Database, now
from keyturn.outbox.message import Message
from keyturn.outbox.models import DEAD, DROPPED, SENT, WAITING, OutboxRow

_REASON_LENGTH = 120


class Outbox:
    """One table. `waiting` is set when this process has written something that a relay of its own could take."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._posts: Batcher[dict[str, object], None] = Batcher(self._insert_all)
        self.waiting = asyncio.Event()

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in a transaction of its own, shared with all who post at that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _insert_all(self, rows: Sequence[dict[str, object]]) -> Sequence[None]:
        async with self._database.transaction() as session:
            connection = await session.connection()
            await connection.execute(insert(OutboxRow.__table__), rows)  # type: ignore[arg-type]
            await session.commit()
        self.waiting.set()
        return [None] * len(rows)

    async def enqueue(self, session: AsyncSession, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in the caller's transaction. The caller sets `waiting` once it has committed."""
        await session.execute(insert(OutboxRow).values(**_row(kind, payload)))

    async def claim(self, most: int, lease: timedelta) -> Sequence[Message]:
        """Take the oldest messages that are due, at most `most`; nobody else gets them before `lease` is over."""
        moment, claim = now(), os.urandom(16).hex()
        due = (
            select(OutboxRow.id)
            .where(OutboxRow.state == WAITING, OutboxRow.available_at <= moment)
            .order_by(OutboxRow.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(OutboxRow)
            .where(OutboxRow.id.in_(due))
            .values(claim=claim, attempts=OutboxRow.attempts + 1, available_at=moment + lease)
            .returning(
                OutboxRow.id, OutboxRow.key, OutboxRow.kind, OutboxRow.payload, OutboxRow.attempts, OutboxRow.sealed
            )
        )
        async with self._database.transaction() as session:
            rows = (await session.execute(taken)).mappings().all()
            await session.commit()
        return sorted((Message(**row) for row in rows), key=lambda message: message.id)

    async def next_due(self) -> datetime | None:
        """Return when the next message may be claimed; None where none is waiting."""
        async with self._database.reading() as connection:
            statement = select(func.min(OutboxRow.available_at)).where(OutboxRow.state == WAITING)
            return (await connection.execute(statement)).scalar()

    async def keep(self, session: AsyncSession, message: Message, sealed: bytes) -> None:
        """Keep the sealed mail in the caller's transaction, so that every later try sends these bytes."""
        await session.execute(update(OutboxRow).where(OutboxRow.id == message.id).values(sealed=sealed))

    async def settle_sent(self, message: Message, provider_id: str) -> None:
        await self._settle(message, state=SENT, provider_id=provider_id, reason=None)

    async def settle_dropped(self, message: Message, reason: str) -> None:
        await self._settle(message, state=DROPPED, reason=reason)

    async def settle_dead(self, message: Message, reason: str) -> None:
        await self._settle(message, state=DEAD, reason=reason)

    async def postpone(self, message: Message, until: datetime, reason: str) -> None:
        """Let the message be claimed again at `until`."""
        await self._write(message, available_at=until, claim=None, reason=reason[:_REASON_LENGTH])

    async def _settle(
        self, message: Message, *, state: str, reason: str | None, provider_id: str | None = None
    ) -> None:
        await self._write(
            message,
            state=state,
            reason=reason and reason[:_REASON_LENGTH],
            provider_id=provider_id,
            sealed=None,
            claim=None,
            settled_at=now(),
        )

    async def _write(self, message: Message, **values: object) -> None:
        # A settled row stays settled, whoever comes late with another answer.
        statement = update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.state == WAITING).values(**values)
        async with self._database.transaction() as session:
            await session.execute(statement)
            await session.commit()


def _row(kind: str, payload: msgspec.Struct) -> dict[str, object]:
    moment = now()
    return {
        "key": os.urandom(16).hex(),
        "kind": kind,
        "payload": msgspec.json.encode(payload).decode(),
        "state": WAITING,
        "attempts": 0,
        "available_at": moment,
        "created_at": moment,
    }
