"""The outbox's table: messages written in the caller's transaction, claimed by a worker, and ended
under its claim.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache, partial

import msgspec
import sqlalchemy as sa

from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.database import Batcher, insert_if
from keyturn.service.outbox.history import move, note
from keyturn.service.outbox.message import Dead, Dropped, Message, Sent, new_key
from keyturn.service.outbox.models import LONGEST_REASON, SENT, STILL_WAITING, WAITING, OutboxRow

_Row = dict[str, object]
Ending = tuple[Message, Sent | Dropped | Dead]

_PAUSE = 0.003
"""Seconds for which an end waits for others: on SQLite each transaction delays requests for links.

A worker killed in that time sends the mail once more under the same key.
"""


class LeaseLost(Exception):
    """The lease of a claim ran out during the work, and another worker holds the message."""


class Outbox(Store):
    """Writes, claims and ends messages; plain methods in the caller's transaction.

    `woken`: set by the next `wake`.
    """

    has_written = False
    """Whether it has written a message in the transaction that it is `within`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.woken = asyncio.Event()
        self._write_if = insert_if(
            database.dialect, OutboxRow, _WRITTEN, available_at=database.clock()
        )
        self._due = (
            sa.select(OutboxRow.id)
            .where(STILL_WAITING, OutboxRow.available_at <= database.clock())
            .limit(1)
        )
        self._claiming = cache(partial(_claiming, database))
        self._posts: Batcher[_Row, None] = Batcher(self._post_all, in_time=database.in_time)
        self._ends: Batcher[Ending, None] = Batcher(self._end_all, pause=_PAUSE)

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in its own transaction, shared with all callers of that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _post_all(self, rows: Sequence[_Row]) -> Sequence[None]:
        await self.database.execute(self._write_if, [row | {"wanted": True} for row in rows])
        self.wake()
        return [None] * len(rows)

    def wake(self) -> None:
        """Make this process's worker look again: a message was committed."""
        self.woken.set()
        self.woken = asyncio.Event()

    def enqueue(
        self, kind: str, payload: msgspec.Struct, *, due: Moment | None = None, key: str = ""
    ) -> int:
        """Write a message, claimed from `due` on; return its id.

        `key`: 32 unique characters, to `withdraw` it.
        """
        row = _row(kind, payload) | ({"key": key} if key else {})
        available_at = self.database.clock() if due is None else due
        statement = (
            sa.insert(OutboxRow).values(**row, available_at=available_at).returning(OutboxRow.id)
        )
        written: int = self.connection.execute(statement).scalar_one()
        self.has_written = True
        return written

    def enqueue_each_if(self, kind: str, payloads: Sequence[tuple[msgspec.Struct, bool]]) -> None:
        """Write the wanted messages, as `enqueue` does.

        The statements are the same if none is wanted.
        """
        rows = [_row(kind, payload) | {"wanted": wanted} for payload, wanted in payloads]
        self.connection.execute(self._write_if, rows)
        self.has_written = True

    def withdraw(self, key: str) -> bool:
        """Delete a message: of concurrent callers exactly one gets True, and decides whether to do
        what it asks.
        """
        withdrawn = sa.delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)
        return self.connection.execute(withdrawn).first() is not None

    async def is_any_due(self) -> bool:
        """Return whether a message is due.

        Raises DatabaseUnready if the server, no longer primary, takes no writes.
        """
        await self.database.require_writable()
        return bool(await self.database.fetch(self._due))

    async def claim(
        self, most: int, lease: timedelta, *, only: Collection[str] = (), abandoned: bool = False
    ) -> Sequence[Message]:
        """Claim at most `most` due messages for a `lease`, oldest first; of the kinds in `only`, or
        of all.

        `abandoned`: those whose lease ended without a report, in place of those without a claim.
        """
        claimed = self._claiming(lease, tuple(only), abandoned)
        rows = await self.database.execute(claimed, {"most": most, "token": random_bytes(16).hex()})
        messages = [Message(**row._asdict() | {"attempts": row.attempts + 1}) for row in rows]
        return sorted(messages, key=lambda message: message.id)

    async def renew(self, messages: Collection[Message], lease: timedelta) -> None:
        """Restart the leases of messages."""
        renewed = _HELD.values(available_at=self.database.clock(lease))
        # In the order of their ids, as in every transaction that writes several: two workers cannot
        # deadlock.
        rows = [_held(message) for message in sorted(messages, key=lambda message: message.id)]
        await self.database.transact(lambda connection: connection.execute(renewed, rows))

    def lock(self, messages: Sequence[Message]) -> Collection[int]:
        """Return the ids of the messages that are still held under their claims, locked until the
        transaction ends.
        """
        ids, claims = {one.id for one in messages}, {one.claim for one in messages}
        held = sa.select(OutboxRow.id).where(OutboxRow.id.in_(ids), OutboxRow.claim.in_(claims))
        return set(self.connection.scalars(held.order_by(OutboxRow.id).with_for_update()))

    def require(self, message: Message) -> None:
        """Lock a message.

        Raises LeaseLost, which undoes the caller's transaction, if it is in other hands.
        """
        if not self.lock([message]):
            raise LeaseLost

    def seal(self, mails: Sequence[tuple[Message, bytes | None]]) -> None:
        """Store sealed mails of messages that the caller has locked; None is no mail.

        `sender` and `key` are stored before a call: the provider may have the mail even if this
        process dies.
        """
        rows = [
            _held(one, sealed=sealed, sender=one.sender if sealed else None, key=one.key)
            for one, sealed in mails
        ]
        self.connection.execute(_SEALED, rows)

    def drop(self, reasons: Sequence[tuple[Message, str]]) -> None:
        """Drop each message for its reason, in the transaction of the decision.

        With an empty list, the same statements run.

        The worker ends it as every other afterwards: its work does not tell whether a request led
        to a mail.
        """
        _end(self.connection, [(message, Dropped(reason)) for message, reason in reasons])

    async def change(self, message: Message, **values: str | None) -> Message:
        """Return the message with another `key` or `sender`, None if no provider has the mail.

        Raises LeaseLost.
        """
        if not await self.database.execute(
            _HELD.values(values).returning(_TABLE.c.id), _held(message)
        ):
            raise LeaseLost
        return msgspec.structs.replace(message, **values)

    async def postpone(
        self,
        message: Message,
        until: Moment,
        reason: str,
        *,
        event: str = "retried",
        **values: int | str | None,
    ) -> None:
        """Let the message be claimed again at `until`.

        `values`: new `attempts`, `crashes` and `sender`.
        """
        reason = reason[:LONGEST_REASON]
        is_held = (OutboxRow.id == message.id) & (OutboxRow.claim == message.claim)
        postponed = {"claim": None, "reason": reason, "available_at": until, **values}
        await self.database.transact(
            lambda connection: move(connection, is_held, event, reason, postponed)
        )

    async def end(self, message: Message, end: Sent | Dropped | Dead) -> None:
        """End a message; all that end at one moment share a transaction."""
        await self._ends.submit((message, end))

    async def _end_all(self, ends: Sequence[Ending]) -> Sequence[None]:
        await self.database.transact(lambda connection: _end(connection, ends))
        return [None] * len(ends)

    def end_reported(self, message_id: int, sent: Sent) -> None:
        """Note that a waiting message needs no other try: the provider has it.

        A worker that holds it loses it.
        """
        is_waiting = (OutboxRow.id == message_id) & STILL_WAITING
        move(
            self.connection,
            is_waiting,
            SENT,
            sent.sender,
            {**_ended(sent), "sealed": None, "claim": None},
        )


_CLAIMED = [getattr(OutboxRow, name).label(name) for name in Message.__struct_fields__]

_WRITTEN = ("key", "kind", "payload", "state", "attempts", "created_at")


def _row(kind: str, payload: msgspec.Struct) -> _Row:
    encoded = msgspec.json.encode(payload).decode()
    return dict(zip(_WRITTEN, (new_key(), kind, encoded, WAITING, 0, now()), strict=True))


_TABLE = OutboxRow.__table__
_HELD = sa.update(_TABLE).where(
    _TABLE.c.id == sa.bindparam("held_id"), _TABLE.c.claim == sa.bindparam("held_claim")
)
"""The UPDATE of each of several messages that their worker still holds."""


def _held(message: Message, **values: object) -> _Row:
    """Return the parameters for a message, and for its new values."""
    return {"held_id": message.id, "held_claim": message.claim} | {
        f"new_{name}": new for name, new in values.items()
    }


def _new(name: str) -> sa.BindParameter[object]:
    return sa.bindparam(f"new_{name}", type_=_TABLE.c[name].type)


def _claiming(
    database: Database, lease: timedelta, kinds: tuple[str, ...], abandoned: bool
) -> sa.Executable:
    """Return the statement that claims `most` messages under `token`.

    Each queue of a worker repeats it.
    """
    # Each condition is that of an index. Only waiting messages have a claim.
    which = (
        [OutboxRow.claim.is_not(None)] if abandoned else [STILL_WAITING, OutboxRow.claim.is_(None)]
    )
    due = (
        sa.select(OutboxRow.id)
        .where(*which, OutboxRow.available_at <= database.clock())
        .where(*([OutboxRow.kind.in_(kinds)] if kinds else []))
        # In the order of the indexes of waiting messages: by id, SQLite would scan every message
        # ever settled.
        .order_by(OutboxRow.available_at, OutboxRow.id)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)
        # PostgreSQL may run a subquery again for every row, and lock other rows each time.
        .cte("due")
    )
    held = {
        "claim": sa.bindparam("token"),
        "crashes": OutboxRow.crashes + 1,
        "available_at": database.clock(lease),
    }
    return (
        sa.update(OutboxRow)
        .where(OutboxRow.id.in_(sa.select(due.c.id)))
        .values(held)
        .returning(*_CLAIMED)
    )


_SEALED = _HELD.values({name: _new(name) for name in ("sealed", "sender", "key")})

_IS_OPEN = (_TABLE.c.id == sa.bindparam("held_id")) & (
    # Only the holder of a message ends it, but "sent" is true from any worker.
    (_TABLE.c.claim == sa.bindparam("held_claim"))
    | ((_new("state") == SENT) & (_TABLE.c.state != SENT))
)
_NOTE = note(
    _IS_OPEN, _new("state"), sa.func.coalesce(_new("reason"), _new("sender")), _new("settled_at")
)
_END = (
    sa.update(_TABLE)
    .where(_IS_OPEN)
    .values({name: _new(name) for name in ("state", "settled_at", "attempts", "reason")})
    .values(
        {name: sa.func.coalesce(_new(name), _TABLE.c[name]) for name in ("sender", "provider_id")}
    )
    .values(sealed=None, claim=None)
)
_ENDED = ("state", "settled_at", "attempts", "reason", "sender", "provider_id")
_NOTHING = dict.fromkeys(("held_id", "held_claim", *map("new_{}".format, _ENDED)))
"""The end of no message: the statements are the same."""


def _ended(end: Sent | Dropped | Dead) -> _Row:
    """Return the columns of a message that ends."""
    texts = {name: text[:LONGEST_REASON] for name, text in msgspec.structs.asdict(end).items()}
    return (
        dict.fromkeys(("reason", "sender", "provider_id"))
        | texts
        | {"state": end.state, "settled_at": now()}
    )


def _end(connection: sa.Connection, ends: Sequence[Ending]) -> None:
    by_id = sorted(ends, key=lambda end: end[0].id)
    rows = [_held(message, attempts=message.attempts, **_ended(end)) for message, end in by_id] or [
        _NOTHING
    ]
    connection.execute(_NOTE, rows)
    connection.execute(_END, rows)
