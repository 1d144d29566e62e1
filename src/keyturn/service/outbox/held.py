"""Messages that a worker holds: their mails are kept, and they are postponed and ended, under the claim alone."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import msgspec
import sqlalchemy as sa

from keyturn.service.clock import now
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.outbox.history import move
from keyturn.service.outbox.message import Dead, Dropped, Message, Sent
from keyturn.service.outbox.models import DEAD, DROPPED, LONGEST_REASON, SENT, WAITING, EventRow, OutboxRow
from keyturn.service.problems.requests import DatabaseUnready

Ending = tuple[Message, Sent | Dropped | Dead]

_PAUSE = 0.003
"""Seconds for which an end waits for others, since the mails of a moment end one after the other. On SQLite each
transaction delays requests for links. A worker killed in that time sends the mail once more under the same key, as it
would after a crash during the commit."""


class LeaseLost(Exception):
    """The lease of a claim ran out during the work, and another worker holds the message."""


class HeldMessages(Store):
    """Changes claimed messages. One that another worker holds by now stays as it is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ends: Batcher[Ending, None] = Batcher(self._end_all, common=DatabaseUnready, pause=_PAUSE)

    def lock(self, messages: Sequence[Message]) -> Collection[int]:
        """Return the ids of the messages that are still held under their claims, locked until the transaction ends."""
        held = (
            sa.select(OutboxRow.id)
            .where(OutboxRow.id.in_([message.id for message in messages]))
            .where(OutboxRow.claim.in_({message.claim for message in messages}))
            .order_by(OutboxRow.id)
            .with_for_update()
        )
        return set(self.connection.scalars(held))

    def require(self, message: Message) -> None:
        """Lock a message. Raises LeaseLost, which undoes the caller's transaction, if it is in other hands."""
        if not self.lock([message]):
            raise LeaseLost

    def seal(self, mails: Sequence[tuple[Message, bytes | None]]) -> None:
        """Store sealed mails in the caller's transaction, so that every later try sends these bytes; None is no mail.

        A message's `sender` is stored before the provider is called: it may have the mail even if this process dies.
        The `key` is stored, too: a mail that replaces the first has another one. The caller has locked the messages.
        """
        rows = [
            {
                "held_id": one.id,
                "held_claim": one.claim,
                "new_sealed": sealed,
                "new_sender": one.sender if sealed else None,
                "new_key": one.key,
            }
            for one, sealed in mails
        ]
        self.connection.execute(_SEALED, rows)

    def drop(self, reasons: Sequence[tuple[Message, str]]) -> None:
        """Drop each message for its reason in the caller's transaction.

        The statements are the same for no message. A decision that writes more than this, such as an entry of the audit
        trail, ends its message in its own transaction: a worker that died in between would decide and write again.
        Afterwards the worker ends the message as it does every other, which then changes nothing. So its work does not
        tell whether a request led to a mail.
        """
        _end(self.connection, [(message, Dropped(reason)) for message, reason in reasons])

    async def renew(self, claims: Collection[tuple[int, str]], lease: timedelta) -> None:
        """Restart the leases of messages, each named by its id and its claim."""
        renewed = _HELD.values(available_at=self._database.clock(lease))
        # In the order of their ids, as in every transaction that writes several: two workers cannot deadlock.
        rows = [{"held_id": message_id, "held_claim": claim} for message_id, claim in sorted(claims)]
        await self._database.transact(lambda connection: connection.execute(renewed, rows))

    async def change(self, message: Message, **values: str | None) -> Message:
        """Return the message with other values, once they are committed. Raises LeaseLost if it is in other hands.

        `sender`: the provider that may have the mail from now on; None if no provider has it, so that any may be tried.
        `key`: another idempotency key. A campaign recognises its messages by their keys: repeated under its name, it
        asks this account again.
        """
        changed = sa.update(OutboxRow).where(_is_held(message)).values(**values).returning(OutboxRow.id)
        if not await self._database.execute(changed):
            raise LeaseLost
        return msgspec.structs.replace(message, **values)

    async def postpone(
        self, message: Message, until: Moment, reason: str, *, event: str = "retried", **counts: int
    ) -> None:
        """Let the message be claimed again at `until`.

        `counts`: new values of `attempts` and `crashes`. A try that is left out of them does not count.
        """
        reason = reason[:LONGEST_REASON]
        held = sa.select(OutboxRow.id).where(_is_held(message))
        values = {"claim": None, "reason": reason, "available_at": until, **counts}
        await self._database.transact(lambda connection: move(connection, held, event, reason, values))

    async def end(self, *ends: Ending) -> None:
        """End messages; all that end at one moment share a transaction.

        That a provider has a message is true however late it is noted, and under any claim.
        """
        for failure in await self._ends.submit_all(ends):
            if failure:
                raise failure

    async def _end_all(self, ends: Sequence[Ending]) -> Sequence[None]:
        await self._database.transact(lambda connection: _end(connection, ends))
        return [None] * len(ends)

    def end_reported(self, message_id: int, sent: Sent) -> None:
        """Note in the caller's transaction that a waiting message needs no other try: the provider has it.

        A worker that holds it loses it. A worker that has just sent it notes the same.
        """
        waiting = sa.select(OutboxRow.id).where(OutboxRow.id == message_id, OutboxRow.state == WAITING)
        ended = {"state": SENT, "settled_at": now(), "sender": sent.sender, "provider_id": _short(sent.provider_id)}
        move(self.connection, waiting, SENT, sent.sender, {**ended, "reason": None, "sealed": None, "claim": None})


def _is_held(message: Message) -> sa.ColumnElement[bool]:
    return (OutboxRow.id == message.id) & (OutboxRow.claim == message.claim)


def _short(text: str) -> str:
    return text[:LONGEST_REASON]


_OUTBOX = OutboxRow.__table__.c

_HELD = sa.update(OutboxRow.__table__).where(
    _OUTBOX.id == sa.bindparam("held_id"), _OUTBOX.claim == sa.bindparam("held_claim")
)
"""The UPDATE of each of several messages that their worker still holds."""

_SEALED = _HELD.values({name: sa.bindparam(f"new_{name}") for name in ("sealed", "sender", "key")})


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
_NOTHING = dict.fromkeys(map("end_{}".format, ("id", "claim", *_ENDED, "sender", "provider_id")))
"""The end of no message: the statements are the same."""


def _end(connection: sa.Connection, ends: Sequence[Ending]) -> None:
    rows = [_row(*end) for end in sorted(ends, key=lambda end: end[0].id)] or [_NOTHING]
    connection.execute(_NOTE, rows)
    connection.execute(_END, rows)


def _row(message: Message, end: Sent | Dropped | Dead) -> dict[str, object]:
    row = {"end_id": message.id, "end_claim": message.claim, "end_attempts": message.attempts, "end_settled_at": now()}
    match end:
        case Sent(sender, provider_id):
            return _NOTHING | row | {"end_state": SENT, "end_sender": sender, "end_provider_id": _short(provider_id)}
        case Dropped(reason):
            return _NOTHING | row | {"end_state": DROPPED, "end_reason": _short(reason)}
        case Dead(reason):
            return _NOTHING | row | {"end_state": DEAD, "end_reason": _short(reason)}
