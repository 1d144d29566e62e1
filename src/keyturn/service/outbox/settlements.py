"""Writes how messages end or are postponed."""

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from keyturn.service.clock import now
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.outbox.history import Event, note
from keyturn.service.outbox.message import Message, Sent
from keyturn.service.outbox.models import DEAD, DROPPED, SENT, WAITING, EventRow, OutboxRow
from keyturn.service.problems.requests import DatabaseUnready

_LONGEST = 120
"""Characters of a reason and of a provider's id: the columns' lengths."""


_PAUSE = 0.003
"""Seconds for which an end waits for others, since the mails of a moment end one after the other. On SQLite each
transaction delays requests for links. A worker killed in that time sends the mail once more under the same key, as it
would after a crash during the commit."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a message as `state`: for a `reason`, or as `provider_id` of the provider `sender`."""

    message: Message
    state: str
    reason: str | None = None
    sender: str | None = None
    provider_id: str | None = None

    @classmethod
    def sent(cls, message: Message, sent: Sent) -> "End":
        return cls(message=message, state=SENT, sender=sent.sender, provider_id=sent.provider_id[:_LONGEST])

    @classmethod
    def dropped(cls, message: Message, reason: str) -> "End":
        return cls(message=message, state=DROPPED, reason=reason[:_LONGEST])

    @classmethod
    def dead(cls, message: Message, reason: str) -> "End":
        return cls(message=message, state=DEAD, reason=reason[:_LONGEST])


class Settlements(Store):
    """Writes the outcome of claimed messages, and notes it in their history."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ends: Batcher[End, None] = Batcher(self._end_all, common=DatabaseUnready, pause=_PAUSE)

    async def end(self, *ends: End) -> None:
        """End messages; all that end at one moment share a transaction.

        That a provider has a message is true however late it is noted, and under any claim. Other ends of a message
        that another worker holds change nothing.
        """
        for failure in await self._ends.submit_all(ends):
            if failure:
                raise failure

    def drop(self, reasons: Sequence[tuple[Message, str]]) -> None:
        """Drop each message for its reason in the caller's transaction, unless another worker holds it.

        The statements are the same for no message. A decision that writes more than this, such as an entry of the audit
        trail, ends its message in its own transaction: a worker that died in between would decide and write again.
        Afterwards the worker settles the message as it does with every other, which then changes nothing. So its work
        does not tell whether a request led to a mail.
        """
        self._write(self.connection, [End.dropped(message, reason) for message, reason in reasons])

    async def _end_all(self, ends: Sequence[End]) -> Sequence[None]:
        await self._database.transact(lambda connection: self._write(connection, ends))
        return [None] * len(ends)

    def _write(self, connection: sa.Connection, ends: Collection[End]) -> None:
        rows = [_row(end) for end in sorted(ends, key=lambda end: end.message.id)] or [_NOTHING]
        connection.execute(_NOTE, rows)
        connection.execute(_END, rows)

    def reported(self, message_id: int, sent: Sent) -> None:
        """Note in the caller's transaction that a waiting message needs no other try: the provider has it.

        A worker that holds it loses it. A worker that has just sent it notes the same.
        """
        ended = {"state": SENT, "settled_at": now(), "sender": sent.sender, "provider_id": sent.provider_id[:_LONGEST]}
        waiting = sa.update(OutboxRow).where(OutboxRow.id == message_id, OutboxRow.state == WAITING)
        waiting = waiting.values(**ended, reason=None, sealed=None, claim=None).returning(OutboxRow.id)
        if self.connection.execute(waiting).first() is not None:
            note(self.connection, Event(message_id=message_id, event=SENT, detail=sent.sender, at=now()))

    async def postpone(
        self, message: Message, until: Moment, reason: str, event: str = "retried", **counts: int
    ) -> None:
        """Let the message be claimed again at `until`, unless another worker holds it by now.

        `counts`: new values of `attempts` and `crashes`. A try that is left out of them does not count.
        """
        reason = reason[:_LONGEST]
        held = sa.update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        released = held.values(claim=None, reason=reason, available_at=until, **counts).returning(OutboxRow.id)

        def release(connection: sa.Connection) -> None:
            if connection.execute(released).first() is not None:
                note(connection, Event(message_id=message.id, event=event, detail=reason, at=now()))

        await self._database.transact(release)


_OUTBOX = OutboxRow.__table__.c


def _given(name: str) -> sa.BindParameter[object]:
    """Return the parameter for a column of a message's end."""
    return sa.bindparam(f"end_{name}", type_=_OUTBOX[name].type)


_IS_OPEN = (_OUTBOX.id == _given("id")) & (
    # Only the holder of a message ends it, but "sent" is true from any worker.
    (_OUTBOX.claim == _given("claim")) | ((_given("state") == SENT) & (_OUTBOX.state != SENT))
)
_NOTE = sa.insert(EventRow).from_select(
    ["message_id", "event", "detail", "at"],
    # Locks the row until the update.
    sa.select(_OUTBOX.id, _given("state"), sa.func.coalesce(_given("reason"), _given("sender")), _given("settled_at"))
    .where(_IS_OPEN)
    .with_for_update(of=OutboxRow),
)
_ENDED = ("state", "settled_at", "attempts", "reason")
_END = (
    sa.update(OutboxRow.__table__)
    .where(_IS_OPEN)
    .values({name: _given(name) for name in _ENDED})
    .values({name: sa.func.coalesce(_given(name), _OUTBOX[name]) for name in ("sender", "provider_id")})
    .values(sealed=None, claim=None)
)


def _row(end: End) -> dict[str, object]:
    return {
        "end_id": end.message.id,
        "end_claim": end.message.claim,
        "end_state": end.state,
        "end_settled_at": now(),
        "end_attempts": end.message.attempts,
        "end_reason": end.reason,
        "end_sender": end.sender,
        "end_provider_id": end.provider_id,
    }


_NOTHING = dict.fromkeys(map("end_{}".format, ("id", "claim", *_ENDED, "sender", "provider_id")))
"""The end of no message: the statements are the same."""
