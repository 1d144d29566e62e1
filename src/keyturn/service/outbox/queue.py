"""Writes messages to the outbox, and claims them from it."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.database.statements import insert_if
from keyturn.service.outbox.message import Dropped, Message, new_key
from keyturn.service.outbox.models import STILL_WAITING, WAITING, OutboxRow
from keyturn.service.outbox.settlements import Settlements
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.outbox")

CHANNEL = "keyturn_outbox"
_NOTIFY = sa.text(f"NOTIFY {CHANNEL}")


class Listener:
    """Receives a NOTIFY of new messages, on one connection of the pool for as long as the worker runs."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._connection: AsyncConnection | None = None

    async def ensure(self) -> None:
        """Listen, if it does not yet: at the start, and after a connection was lost. A failure is only logged."""
        if self._database.is_sqlite or (self._connection and not (await self._driver()).is_closed()):
            return
        await self.close()
        try:
            self._connection = await self._database.engine.connect()
            driver = await self._driver()
            await driver.add_listener(CHANNEL, lambda *_: self._wake())
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, polling still works
            log.debug(LogEvent("outbox.not_listening", error=type(error).__name__))
            await self.close()

    async def close(self) -> None:
        if self._connection:
            connection, self._connection = self._connection, None
            # Not back into the pool: its next user would receive the notifications.
            await connection.invalidate()
            await connection.close()

    async def _driver(self) -> Any:
        assert self._connection  # both callers have set it
        return (await self._connection.get_raw_connection()).driver_connection


class LeaseLost(Exception):
    """The lease of a claim ran out during the work, and another worker holds the message."""


class Outbox(Store):
    """Posts, claims and settles messages, in one table.

    `settlements`: how messages end.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settlements = Settlements(database)
        self._enqueue_if = self._post_if = insert_if(database, OutboxRow, _POSTED, available_at=database.clock())
        if not database.is_sqlite:  # one trip for both, which wakes the workers at its commit
            posted = self._enqueue_if.returning(OutboxRow.id).cte("posted")
            self._post_if = sa.select(sa.func.pg_notify(CHANNEL, "")).select_from(posted)
        self._posts: Batcher[dict[str, object], None] = Batcher(
            self._insert_all, common=DatabaseUnready, gathers=database.is_sqlite, in_time=database.in_time
        )
        self._woken = asyncio.Event()

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in its own transaction, shared with all callers of that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _insert_all(self, rows: Sequence[dict[str, object]]) -> Sequence[None]:
        await self.database.execute(self._post_if, [row | {"wanted": True} for row in rows])
        self.wake()
        return [None] * len(rows)

    def wake(self) -> None:
        """Make this process's worker look again: a message was committed."""
        self._woken.set()

    def woken(self) -> asyncio.Event:
        """Return the event that the next `wake` sets."""
        if self._woken.is_set():
            self._woken = asyncio.Event()
        return self._woken

    def close(self) -> None:
        """Forget the waiting tasks: an event belongs to the event loop that awaits it."""
        self._woken = asyncio.Event()

    def enqueue(self, kind: str, payload: msgspec.Struct, *, due: Moment | None = None, key: str = "") -> int:
        """Write a message in the caller's transaction and return its id. The caller calls `wake` after its commit.

        `due`: no worker claims the message earlier.
        `key`: 32 unique characters, by which the caller may `withdraw` the message.
        """
        row = _row(kind, payload) | ({"key": key} if key else {})
        available_at = self.database.clock() if due is None else due
        statement = sa.insert(OutboxRow).values(**row, available_at=available_at).returning(OutboxRow.id)
        written: int = self.connection.execute(statement).scalar_one()
        self._notify_workers(self.connection)
        return written

    def enqueue_each_if(self, kind: str, payloads: Sequence[tuple[msgspec.Struct, bool]]) -> None:
        """Write the wanted messages, as `enqueue` does. The statements are the same if none is wanted."""
        rows = [_row(kind, payload) | {"wanted": wanted} for payload, wanted in payloads]
        self.connection.execute(self._enqueue_if, rows)
        self._notify_workers(self.connection)

    def withdraw(self, key: str) -> bool:
        """Delete a message in the caller's transaction; return whether it still existed.

        Of concurrent callers exactly one gets True, and decides whether to do what the message asks.
        """
        # By its key: SQLite gives the id of a deleted row to the next one.
        withdrawn = sa.delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)
        return self.connection.execute(withdrawn).first() is not None

    def _notify_workers(self, connection: sa.Connection) -> None:
        """Wake other processes' workers, at the commit (https://www.postgresql.org/docs/current/sql-notify.html)."""
        if not self.database.is_sqlite:
            connection.execute(_NOTIFY)

    async def claim(
        self,
        most: int,
        lease: timedelta,
        *,
        only: Collection[str] = (),
        but: Collection[str] = (),
        abandoned: bool = False,
    ) -> Sequence[Message]:
        """Claim at most `most` messages that are due, oldest first. No other claim gets them before `lease` ends.

        `only`: kinds to claim; all kinds if empty.
        `but`: kinds to leave out.
        `abandoned`: claim messages whose lease ended without a report, in place of those that nobody holds.
        """
        claim = random_bytes(16).hex()
        # Each condition is that of an index. Only waiting messages have a claim.
        which = [OutboxRow.claim.is_not(None)] if abandoned else [STILL_WAITING, OutboxRow.claim.is_(None)]
        due = (
            sa.select(OutboxRow.id)
            .where(*which, OutboxRow.available_at <= self.database.clock())
            .where(*([OutboxRow.kind.in_(only)] if only else []), *([OutboxRow.kind.not_in(but)] if but else []))
            # In the order of the index of waiting messages: by id, SQLite would scan every message ever settled.
            .order_by(OutboxRow.available_at, OutboxRow.id)
            .limit(most)
            .with_for_update(skip_locked=True)
            # PostgreSQL may run a subquery again for every row, and lock other rows each time.
            .cte("due")
        )
        claimed = (
            sa.update(OutboxRow)
            .where(OutboxRow.id.in_(sa.select(due.c.id)))
            .values(claim=claim, crashes=OutboxRow.crashes + 1, available_at=self.database.clock(lease))
            .returning(*_CLAIMED)
        )
        messages = [Message(**row._asdict()) for row in await self.database.execute(claimed)]
        return sorted(messages, key=lambda message: message.id)

    async def renew(self, claims: Mapping[int, str], lease: timedelta) -> None:
        """Restart the leases of messages, each under its claim. A message that another worker holds stays there."""
        renewed = _HELD.values(available_at=self.database.clock(lease))
        # In the order of their ids, as in every transaction that writes several: two workers cannot deadlock.
        rows = [{"held_id": message_id, "held_claim": claims[message_id]} for message_id in sorted(claims)]
        await self.database.transact(lambda connection: connection.execute(renewed, rows))

    async def put_back(self, messages: Sequence[Message]) -> None:
        """Let messages that were claimed and not started be claimed again at once, before those that came later."""
        earlier = sa.func.min if self.database.is_sqlite else sa.func.least
        due = earlier(OutboxRow.created_at, self.database.clock())
        back = _HELD.values(claim=None, faults=OutboxRow.crashes - 1, available_at=due)
        await self.database.transact(lambda connection: connection.execute(back, _held(messages)))

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

    def store_held(self, message: Message, sealed: bytes | None) -> None:
        """Lock a message and keep its sealed mail, as `store_sealed` does. Raises LeaseLost if it is in other hands."""
        if not self.lock([message]):
            raise LeaseLost
        self.store_sealed([(message, sealed)])

    def drop_held(self, message: Message, reason: str) -> Dropped:
        """End a message in the caller's transaction, without a mail. Raises LeaseLost if it is in other hands."""
        if not self.lock([message]):
            raise LeaseLost
        self.settlements.within(self.connection).drop([(message, reason)])
        return Dropped(reason)

    def store_sealed(self, mails: Sequence[tuple[Message, bytes | None]]) -> None:
        """Store sealed mails in the caller's transaction, so that every later try sends these bytes; None is no mail.

        A message's `sender` is stored before the provider is called: it may have the mail even if this process dies.
        The `key` is stored, too: a mail that replaces the first has another one. The caller has locked the messages.
        """
        rows = [
            held | {"new_sealed": sealed, "new_sender": one.sender if sealed else None, "new_key": one.key}
            for held, (one, sealed) in zip(_held([one for one, _ in mails]), mails, strict=True)
        ]
        self.connection.execute(_SEALED, rows)

    async def write_held(self, message: Message, **values: str | None) -> Message:
        """Return the message with other values, once they are committed. Raises LeaseLost if it is in other hands.

        `sender`: the provider that may have the mail from now on; None if no provider has it, so that any may be tried.
        `key`: another idempotency key. A campaign recognises its messages by their keys: repeated under its name, it
        asks this account again.
        """
        held = sa.update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        if not await self.database.execute(held.values(**values).returning(OutboxRow.id)):
            raise LeaseLost
        return msgspec.structs.replace(message, **values)


_CLAIMED = [
    (OutboxRow.attempts + 1 if name == "attempts" else getattr(OutboxRow, name)).label(name)
    for name in Message.__struct_fields__
]

_HELD = sa.update(OutboxRow.__table__).where(
    OutboxRow.id == sa.bindparam("held_id"), OutboxRow.claim == sa.bindparam("held_claim")
)
"""The UPDATE of a message that its worker still holds."""

_SEALED = _HELD.values({name: sa.bindparam(f"new_{name}") for name in ("sealed", "sender", "key")})

_POSTED = ("key", "kind", "payload", "state", "attempts", "created_at")


def _held(messages: Sequence[Message]) -> list[dict[str, object]]:
    return [{"held_id": message.id, "held_claim": message.claim} for message in messages]


def _row(kind: str, payload: msgspec.Struct) -> dict[str, object]:
    return {
        "key": new_key(),
        "kind": kind,
        "payload": msgspec.json.encode(payload).decode(),
        "state": WAITING,
        "attempts": 0,
        "created_at": now(),
    }
