"""Writing to the outbox, and claiming from it."""

import asyncio
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.database import Database, Moment, now
from keyturn.database.batching import Batcher
from keyturn.database.conditional_insert import insert_if
from keyturn.errors import DatabaseUnready
from keyturn.outbox.history import Event, note
from keyturn.outbox.listening import CHANNEL
from keyturn.outbox.message import Message, Sent, new_key
from keyturn.outbox.models import DEAD, DROPPED, SENT, WAITING, OutboxRow

_LONGEST = 120
"""Characters of a reason and of a provider's id, as the columns hold them."""

_ERASED: dict[str, object] = {"reason": None, "sealed": None, "claim": None}
"""What a settled message needs no more."""


class LeaseLost(Exception):
    """The lease of a claim ran out under a worker, and the message is in other hands."""


class Outbox:
    """Posts, claims and settles messages, in one table.

    `waiting` is set when this process has written something that a relay of its own could take.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._posts: Batcher[dict[str, object], None] = Batcher(self._insert_all, common=DatabaseUnready)
        self.waiting = asyncio.Event()

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in a transaction of its own, shared with all who post at that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _insert_all(self, rows: Sequence[dict[str, object]]) -> Sequence[None]:
        async with self.database.transaction() as session:
            connection = await session.connection()
            posted = insert(OutboxRow.__table__).values(available_at=self.database.clock())  # type: ignore[arg-type]
            await connection.execute(posted, rows)
            await self._notify_workers(session)
            await session.commit()
        self.wake()
        return [None] * len(rows)

    def wake(self) -> None:
        """Have this process's relay look again: something was committed."""
        self.waiting.set()

    def close(self) -> None:
        """Forget who waited: an event belongs to the event loop that it was waited for in."""
        self.waiting = asyncio.Event()

    async def enqueue(
        self, session: AsyncSession, kind: str, payload: msgspec.Struct, *, due: Moment | None = None, key: str = "",
        wanted: bool = True,
    ) -> int:  # fmt: skip
        """Write a message in the caller's transaction and return its id. The caller calls `wake` after its commit.

        Nobody takes it before it is `due`. `key`, 32 characters that nobody else has, is for whoever may withdraw it.
        Where it is not `wanted` the statements are the same, and the id is 0.
        """
        due = self.database.clock() if due is None else due
        row = _row(kind, payload) | {"available_at": due} | ({"key": key} if key else {})
        written = await session.execute(insert_if(session, OutboxRow, row, wanted=wanted).returning(OutboxRow.id))
        await self._notify_workers(session)
        return written.scalar() or 0

    async def withdraw(self, session: AsyncSession, key: str) -> bool:
        """Take a message back, in the caller's transaction; tell whether it was there still.

        Of any number who try at once, one is told True: what the message asks is that one's to do, or to leave undone.
        """
        # By its key: SQLite gives the id of a row that is gone to the next.
        withdrawn = delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)
        return (await session.execute(withdrawn)).first() is not None

    async def _notify_workers(self, session: AsyncSession) -> None:
        """Wake the workers of other processes, at the commit (https://www.postgresql.org/docs/current/sql-notify.html)."""
        if not self.database.is_sqlite:
            await session.execute(text(f"NOTIFY {CHANNEL}"))

    async def claim(
        self, most: int, lease: timedelta, *, only: Collection[str] = (), but: Collection[str] = ()
    ) -> Sequence[Message]:
        """Take the oldest messages that are due, at most `most`; nobody else gets them before `lease` is over.

        `only` these kinds, where any are named, and none of those in `but`.
        """
        claim = os.urandom(16).hex()
        # A common table expression, since PostgreSQL may run a subquery again for every row, and each time lock others.
        due = (
            select(OutboxRow.id)
            .where(OutboxRow.state == WAITING, OutboxRow.available_at <= self.database.clock(), *_of_kinds(only, but))
            .order_by(OutboxRow.id)
            .limit(most)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        taken = (
            update(OutboxRow)
            .where(OutboxRow.id.in_(select(due.c.id)))
            .values(
                claim=claim,
                crashes=OutboxRow.crashes + 1,
                available_at=self.database.clock(lease),
            )
            .returning(*(getattr(OutboxRow, name) for name in Message.__struct_fields__ if name != "attempts"))
            .returning((OutboxRow.attempts + 1).label("attempts"))
        )
        async with self.database.transaction() as session:
            rows = (await session.execute(taken)).mappings().all()
            await session.commit()
        return sorted((Message(**row) for row in rows), key=lambda message: message.id)

    async def renew(self, claims: Mapping[int, str], lease: timedelta) -> None:
        """Begin the leases of messages anew, each under its claim; one that is in other hands by now stays there."""
        held = OutboxRow.id.in_(list(claims)) & OutboxRow.claim.in_(set(claims.values()))
        async with self.database.transaction() as session:
            await session.execute(update(OutboxRow).where(held).values(available_at=self.database.clock(lease)))
            await session.commit()

    async def store_sealed(self, session: AsyncSession, message: Message, sealed: bytes | None) -> None:
        """Keep the sealed mail in the caller's transaction, so that every later try sends these bytes; None is no mail.

        The message's `sender` is noted before it is called: it may have the mail, whatever becomes of this process. So
        is its `key`, which is another one where another mail takes the place of the first. Raises LeaseLost where the
        message is in other hands by now: the caller commits nothing and sends nothing.
        """
        held = update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        sender = message.sender if sealed else None
        stored = held.values(sealed=sealed, sender=sender, key=message.key).returning(OutboxRow.id)
        if (await session.execute(stored)).first() is None:
            raise LeaseLost

    async def reserve_transport(self, message: Message, sender: str | None) -> None:
        """Note that the transport may have the mail from now on; None where nobody has it, so that any may be asked.

        Raises LeaseLost where the message is in other hands.
        """
        held = update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        async with self.database.transaction() as session:
            if (await session.execute(held.values(sender=sender).returning(OutboxRow.id))).first() is None:
                raise LeaseLost
            await session.commit()

    async def settle_sent(self, message: Message, sent: Sent) -> None:
        """Note that the provider has it. That stays true however late it is said, and whoever holds the row by now."""
        provider_id = sent.provider_id[:_LONGEST]
        await self._settle(
            message, OutboxRow.state != SENT, SENT, sent.sender, sender=sent.sender, provider_id=provider_id
        )

    async def settle_reported(self, session: AsyncSession, message_id: int, sent: Sent) -> None:
        """Note in the caller's transaction that a message which waits for another try needs none: the provider has it.

        A worker that holds it loses it; one that has just handed it over says the same.
        """
        known = {"sender": sent.sender, "provider_id": sent.provider_id[:_LONGEST], "settled_at": now()}
        settled = (
            update(OutboxRow)
            .where(OutboxRow.id == message_id, OutboxRow.state == WAITING)
            .values(state=SENT, **known, **_ERASED)
            .returning(OutboxRow.id)
        )
        if (await session.execute(settled)).first() is not None:
            await note(session, Event(message_id=message_id, event=SENT, detail=sent.sender, at=now()))

    async def settle_dropped(self, message: Message, reason: str) -> None:
        await self._settle(message, OutboxRow.claim == message.claim, DROPPED, reason, reason=reason[:_LONGEST])

    async def settle_dead(self, message: Message, reason: str) -> None:
        await self._settle(message, OutboxRow.claim == message.claim, DEAD, reason, reason=reason[:_LONGEST])

    async def postpone(self, message: Message, until: Moment, reason: str) -> None:
        """Let the message be claimed again at `until`, unless it is in other hands by now."""
        await self._release(message, "retried", reason, available_at=until, attempts=message.attempts, crashes=0)

    async def postpone_after_crash(self, message: Message, until: Moment, reason: str) -> None:
        """Do what `postpone` does, where the fault is ours: no provider's try is counted, and what is noted stays."""
        await self._release(message, "retried", reason, available_at=until)

    async def defer(self, message: Message, until: datetime, reason: str) -> None:
        """Do what `postpone` does, where the message is not to blame: the try does not count."""
        await self._release(message, "parked", reason, available_at=until, crashes=0)

    async def _settle(
        self, message: Message, still_open: ColumnElement[bool], state: str, detail: str, **values: object
    ) -> None:
        ended = {"state": state, "settled_at": now(), "attempts": message.attempts}
        await self._write(message, still_open, state, detail, **ended | _ERASED | values)

    async def _release(self, message: Message, event: str, reason: str, **values: object) -> None:
        held = OutboxRow.claim == message.claim
        await self._write(message, held, event, reason, claim=None, reason=reason[:_LONGEST], **values)

    async def _write(
        self, message: Message, condition: ColumnElement[bool], event: str, detail: str, **values: object
    ) -> None:
        changed = update(OutboxRow).where(OutboxRow.id == message.id, condition).values(**values)
        async with self.database.transaction() as session:
            if (await session.execute(changed.returning(OutboxRow.id))).first() is not None:
                await note(session, Event(message_id=message.id, event=event, detail=detail[:_LONGEST], at=now()))
            await session.commit()


def _of_kinds(only: Collection[str], but: Collection[str]) -> Iterator[ColumnElement[bool]]:
    if only:
        yield OutboxRow.kind.in_(only)
    if but:
        yield OutboxRow.kind.not_in(but)


def _row(kind: str, payload: msgspec.Struct) -> dict[str, object]:
    return {
        "key": new_key(),
        "kind": kind,
        "payload": msgspec.json.encode(payload).decode(),
        "state": WAITING,
        "attempts": 0,
        "created_at": now(),
    }
