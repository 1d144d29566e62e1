"""Writes how messages end or are postponed. Messages that end within a few milliseconds share one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from keyturn.service.clock import now
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.database.statements import ManyRows
from keyturn.service.outbox.history import Event, note
from keyturn.service.outbox.message import Message, Sent
from keyturn.service.outbox.models import DEAD, DROPPED, SENT, WAITING, EventRow, OutboxRow
from keyturn.service.problems.requests import DatabaseUnready

_LONGEST = 120
"""Characters of a reason and of a provider's id: the columns' lengths."""

_PAUSE = 0.003
"""Seconds for which an end waits for others, since the mails of a moment end one after the other. On SQLite each
transaction delays requests for links, and more so while this process is busy. A worker killed in that time sends the
mail once more under the same key, as it would after a crash during the commit."""


class _End(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a message as `state`: for a `reason`, or as `provider_id` of the transport `sender`."""

    message: Message
    state: str
    at: datetime
    reason: str | None = None
    sender: str | None = None
    provider_id: str | None = None


class Settlements(Store):
    """Writes the outcome of claimed messages, and notes it in their history."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._endings = _Endings(database)
        self._ends: Batcher[_End, None] = Batcher(self._end_all, common=DatabaseUnready, pause=_PAUSE)
        # Messages that end together have already waited for each other.
        self._ends_together: Batcher[_End, None] = Batcher(self._end_all, common=DatabaseUnready)

    async def sent(self, message: Message, sent: Sent) -> None:
        """Note that the provider has the message. That stays true however late it is noted, and under any claim."""
        provider_id = sent.provider_id[:_LONGEST]
        await self._ends.submit(
            _End(message=message, state=SENT, at=now(), sender=sent.sender, provider_id=provider_id)
        )

    async def dropped(self, message: Message, reason: str) -> None:
        await self._ends.submit(_End(message=message, state=DROPPED, at=now(), reason=reason[:_LONGEST]))

    async def dropped_all(self, reasons: Sequence[tuple[Message, str]]) -> Sequence[Exception | None]:
        """Drop each message for its reason; return the error of each, or None."""
        moment = now()
        return await self._ends_together.submit_all(
            [_End(message=one, state=DROPPED, at=moment, reason=reason[:_LONGEST]) for one, reason in reasons]
        )

    def drop(self, reasons: Sequence[tuple[Message, str]]) -> None:
        """Drop each message for its reason in the caller's transaction, unless another worker holds it.

        The statements are the same for no message. A decision that writes more than this, such as an entry of the audit
        trail, ends its message in its own transaction: a worker that died in between would decide and write again.
        Afterwards the worker settles the message as it does with every other, which then changes nothing. So its work
        does not tell whether a request led to a mail.
        """
        moment = now()
        ends = [_End(message=one, state=DROPPED, at=moment, reason=reason[:_LONGEST]) for one, reason in reasons]
        self._write(self.connection, ends)

    async def dead(self, message: Message, reason: str) -> None:
        await self._ends.submit(_End(message=message, state=DEAD, at=now(), reason=reason[:_LONGEST]))

    async def _end_all(self, ends: Sequence[_End]) -> Sequence[None]:
        # One end for each message, or for each claim of one: if it was ended twice at one moment, "sent" wins.
        sent = {end.message.id: end for end in ends if end.state == SENT}
        others = {(end.message.id, end.message.claim): end for end in ends if end.message.id not in sent}
        written = [*sent.values(), *others.values()]
        await self._database.transact(lambda connection: self._write(connection, written))
        return [None] * len(ends)

    def _write(self, connection: Connection, ends: Collection[_End]) -> None:
        given = self._endings.parameters(ends)
        connection.execute(self._endings.note, given)
        connection.execute(self._endings.end, given)

    def reported(self, message_id: int, sent: Sent) -> None:
        """Note in the caller's transaction that a waiting message needs no other try: the provider has it.

        A worker that holds it loses it. A worker that has just sent it notes the same.
        """
        self._end_waiting(message_id, SENT, sent.sender, sender=sent.sender, provider_id=sent.provider_id[:_LONGEST])

    def refused(self, message_id: int, reason: str) -> None:
        """Give up a waiting message in the caller's transaction, whoever holds it: its recipient cannot take it."""
        self._end_waiting(message_id, DEAD, reason[:_LONGEST], reason=reason[:_LONGEST])

    def _end_waiting(self, message_id: int, state: str, detail: str, **values: str) -> None:
        ended = {"reason": None, **values, "state": state, "settled_at": now(), "sealed": None, "claim": None}
        waiting = update(OutboxRow).where(OutboxRow.id == message_id, OutboxRow.state == WAITING)
        if self.connection.execute(waiting.values(ended).returning(OutboxRow.id)).first() is not None:
            note(self.connection, Event(message_id=message_id, event=state, detail=detail, at=now()))

    async def postpone(self, message: Message, until: Moment, reason: str) -> None:
        """Let the message be claimed again at `until`, unless another worker holds it by now."""
        await self._release(message, "retried", reason, available_at=until, attempts=message.attempts, crashes=0)

    async def postpone_after_crash(self, message: Message, until: Moment, reason: str) -> None:
        """Postpone after a fault of ours: the try does not count as a provider's, and the count of crashes stays."""
        await self._release(message, "retried", reason, available_at=until)

    async def defer(self, message: Message, until: datetime, reason: str) -> None:
        """Postpone if the message is not to blame: the try does not count."""
        await self._release(message, "parked", reason, available_at=until, crashes=0)

    async def _release(self, message: Message, event: str, reason: str, **values: object) -> None:
        held = update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        released = held.values(claim=None, reason=reason[:_LONGEST], **values).returning(OutboxRow.id)

        def release(connection: Connection) -> None:
            if connection.execute(released).first() is not None:
                note(connection, Event(message_id=message.id, event=event, detail=reason[:_LONGEST], at=now()))

        await self._database.transact(release)


def _row(end: _End) -> dict[str, object]:
    return {
        "id": end.message.id,
        "claim": end.message.claim,
        "state": end.state,
        "at": end.at,
        "attempts": end.message.attempts,
        "reason": end.reason,
        "sender": end.sender,
        "provider_id": end.provider_id,
        "detail": end.reason or end.sender,
    }


class _Endings:
    """The statements that end messages, all at once. `note` comes first, and locks them."""

    def __init__(self, database: Database) -> None:
        outbox: Any = OutboxRow.__table__
        columns = {name: outbox.c[name] for name in ("id", "claim", "state", "attempts", "reason", "sender")}
        columns |= {
            "provider_id": outbox.c.provider_id,
            "at": outbox.c.settled_at,
            "detail": EventRow.__table__.c.detail,
        }
        self.rows = ManyRows(database, columns)
        given = self.rows.table.c
        # Only the holder of a message ends it, but "sent" is true from any worker.
        is_open = (outbox.c.id == given.id) & (
            (outbox.c.claim == given.claim) | ((given.state == SENT) & (outbox.c.state != SENT))
        )
        self._names_ids = not database.is_sqlite
        if self._names_ids:
            # PostgreSQL estimates a hundred rows for JSON and would rather scan the whole table than look up so many
            # (https://www.postgresql.org/docs/current/sql-createfunction.html, ROWS).
            is_open &= database.is_one_of(OutboxRow.id, "ids")
        # In the order of their ids, as in every statement that locks several: two workers cannot deadlock.
        noted = select(outbox.c.id, given.state, given.detail, given.at).where(is_open).order_by(outbox.c.id)
        self.note = insert(EventRow).from_select(
            ["message_id", "event", "detail", "at"], noted.with_for_update(of=OutboxRow)
        )
        self.end = (
            update(outbox)
            .where(is_open)
            .values(
                state=given.state,
                settled_at=given.at,
                attempts=given.attempts,
                reason=given.reason,
                sender=func.coalesce(given.sender, outbox.c.sender),
                provider_id=func.coalesce(given.provider_id, outbox.c.provider_id),
                sealed=None,
                claim=None,
            )
        )

    def parameters(self, ends: Collection[_End]) -> dict[str, Any]:
        rows: dict[str, Any] = {**self.rows.parameter(map(_row, ends))}
        return rows | {"ids": [end.message.id for end in ends]} if self._names_ids else rows
