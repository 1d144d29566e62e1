"""Writes messages to the outbox, and claims them from it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.database.statements import ManyRows, insert_if
from keyturn.service.outbox.message import Dropped, Message, new_key
from keyturn.service.outbox.models import STILL_WAITING, WAITING, OutboxRow
from keyturn.service.outbox.settlements import Settlements
from keyturn.service.problems.requests import DatabaseUnready
from keyturn.service.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.outbox")

CHANNEL = "keyturn_outbox"


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
    `waiting`: set when this process has written a message that its own relay could take.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settlements = Settlements(database)
        self._rows = ManyRows(database, _COLUMNS)
        self._post = _post_statement(database, self._rows.table)
        self._claims: dict[Any, sa.Executable] = {}
        self._is_held = database.is_one_of(OutboxRow.id, "ids") & database.is_one_of(OutboxRow.claim, "claims")
        # In the order of their ids, as in every statement that locks several: two workers cannot deadlock.
        self._held = (
            sa.select(OutboxRow.id, OutboxRow.claim).where(self._is_held).order_by(OutboxRow.id).with_for_update()
        )
        held = self._held.cte("held")
        self._update_held = sa.update(OutboxRow).where(OutboxRow.id.in_(sa.select(held.c.id)))
        self._enqueue = _enqueue_statement(database.clock())
        self._enqueue_if = insert_if(database, OutboxRow, _POSTED, available_at=database.clock())
        self._posts: Batcher[dict[str, object], None] = Batcher(
            self._insert_all, common=DatabaseUnready, gathers=database.is_sqlite, in_time=database.in_time
        )
        self.waiting = asyncio.Event()

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in its own transaction, shared with all callers of that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _insert_all(self, rows: Sequence[dict[str, object]]) -> Sequence[None]:
        await self.database.execute(self._post, self._rows.parameter(rows))
        self.wake()
        return [None] * len(rows)

    def wake(self) -> None:
        """Make this process's relay look again: a message was committed."""
        self.waiting.set()

    def close(self) -> None:
        """Forget the waiting tasks: an event belongs to the event loop that awaits it."""
        self.waiting = asyncio.Event()

    def enqueue(self, kind: str, payload: msgspec.Struct, *, due: Moment | None = None, key: str = "") -> int:
        """Write a message in the caller's transaction and return its id. The caller calls `wake` after its commit.

        `due`: no worker claims the message earlier.
        `key`: 32 unique characters, by which the caller may `withdraw` the message.
        """
        row = _row(kind, payload) | ({"key": key} if key else {})
        statement = self._enqueue if due is None else _enqueue_statement(due)
        written: int = self.connection.execute(statement, row).scalar_one()
        self._notify_workers()
        return written

    def enqueue_each_if(self, kind: str, payloads: Sequence[tuple[msgspec.Struct, bool]]) -> None:
        """Write the wanted messages, as `enqueue` does. The statements are the same if none is wanted."""
        rows = [_row(kind, payload) | {"wanted": wanted} for payload, wanted in payloads]
        self.connection.execute(self._enqueue_if, rows)
        self._notify_workers()

    def withdraw(self, key: str) -> bool:
        """Delete a message in the caller's transaction; return whether it still existed.

        Of concurrent callers exactly one gets True, and decides whether to do what the message asks.
        """
        # By its key: SQLite gives the id of a deleted row to the next one.
        withdrawn = sa.delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)
        return self.connection.execute(withdrawn).first() is not None

    def _notify_workers(self) -> None:
        """Wake other processes' workers, at the commit (https://www.postgresql.org/docs/current/sql-notify.html)."""
        if not self.database.is_sqlite:
            self.connection.execute(_NOTIFY)

    async def claim(
        self, most: int, lease: timedelta, *, only: Collection[str] = (), but: Collection[str] = (), fresh: bool = False
    ) -> Sequence[Message]:
        """Claim at most `most` messages that are due, oldest first. No other claim gets them before `lease` ends.

        `only`: kinds to claim; all kinds if empty.
        `but`: kinds to leave out.
        `fresh`: leave out abandoned messages.
        """
        second = random_bytes(16).hex()
        which = (lease, tuple(only), tuple(but), fresh)
        statement = self._claims.get(which)
        if statement is None:
            statement = self._claims[which] = _claim_statement(self.database, *which)
        given = {"most": most, "first_claim": random_bytes(16).hex(), "second_claim": second}
        claiming = asyncio.ensure_future(self.database.execute(statement, given))
        try:
            rows = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # No worker would start the claimed messages before the lease ends.
            with contextlib.suppress(Exception):
                await self._undo_claim([_message(row, second) for row in await claiming])
            raise
        return sorted((_message(row, second) for row in rows), key=lambda message: message.id)

    async def _undo_claim(self, messages: Sequence[Message]) -> None:
        if fresh := [message for message in messages if not message.abandoned]:
            await self.put_back(fresh)
        if abandoned := [message for message in messages if message.abandoned]:
            await self.leave(abandoned, timedelta(0))

    async def renew(self, claims: Mapping[int, str], lease: timedelta) -> None:
        """Restart the leases of messages, each under its claim. A message that another worker holds stays there."""
        renewed = self._update_held.values(available_at=self.database.clock(lease))
        await self.database.execute(renewed, {"ids": list(claims), "claims": list(set(claims.values()))})

    async def put_back(self, messages: Sequence[Message]) -> None:
        """Let messages that were claimed and not started be claimed again at once."""
        # They are due since they were created, and so keep their old place before others.
        earlier = sa.func.min if self.database.is_sqlite else sa.func.least
        due = earlier(OutboxRow.created_at, self.database.clock())
        values = {"claim": None, "crashes": OutboxRow.crashes - 1, "available_at": due}
        await self.database.execute(self._update_held.values(values), _hold_of(messages))

    async def leave(self, messages: Sequence[Message], pause: timedelta, *, kept: Sequence[Message] = ()) -> None:
        """Let messages be claimed again after the pause, as abandoned ones, as they were before this claim.

        If the caller is cancelled in that time, the `kept` messages of the same claim are released, too.
        """
        values = {"crashes": OutboxRow.crashes - 1, "available_at": self.database.clock(pause)}
        left = self._update_held.values(values)
        leaving = asyncio.ensure_future(self.database.execute(left, _hold_of(messages)))
        try:
            await asyncio.shield(leaving)
        except asyncio.CancelledError:
            await asyncio.gather(leaving, return_exceptions=True)
            with contextlib.suppress(Exception):  # then their leases run out
                await self._undo_claim(kept)
            raise

    def lock(self, messages: Sequence[Message]) -> Collection[Message]:
        """Return those of the messages that are still held under their claims, locked until the transaction ends."""
        held = set(map(tuple, self.connection.execute(self._held, _hold_of(messages))))
        return [message for message in messages if (message.id, message.claim) in held]

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

        A message's `sender` is stored before the transport is called: it may have the mail even if this process dies.
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

    async def reserve_transport(self, message: Message, sender: str | None) -> None:
        """Note that the transport may have the mail from now on; None if no transport has it, so that any may be tried.

        Raises LeaseLost if another worker holds the message.
        """
        await self._write_held(message, sender=sender)

    async def renew_key(self, message: Message) -> Message:
        """Return the message under a new idempotency key, once that is committed.

        A campaign recognises its messages by their keys: repeated under its name, it asks this account again.

        Raises LeaseLost if another worker holds the message.
        """
        renewed = msgspec.structs.replace(message, key=new_key())
        await self._write_held(message, key=renewed.key)
        return renewed

    async def _write_held(self, message: Message, **values: str | None) -> None:
        held = sa.update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        if not await self.database.execute(held.values(**values).returning(OutboxRow.id)):
            raise LeaseLost


_CLAIMED = [
    OutboxRow.attempts + 1 if name == "attempts" else getattr(OutboxRow, name)
    for name in Message.__struct_fields__
    if name != "abandoned"
]


def _message(row: sa.Row[Any], abandoned: str) -> Message:
    fields = dict(zip(Message.__struct_fields__, row, strict=False))
    return Message(**fields, abandoned=fields["claim"] == abandoned)


def _hold_of(messages: Sequence[Message]) -> dict[str, Any]:
    """Return the parameters of a statement that asks whether this worker still holds the messages."""
    return {"ids": [one.id for one in messages], "claims": list({one.claim for one in messages})}


_SEALED = (
    sa.update(OutboxRow.__table__)
    .where(OutboxRow.id == sa.bindparam("held_id"), OutboxRow.claim == sa.bindparam("held_claim"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("sealed", "sender", "key")})
)


_POSTED = ("key", "kind", "payload", "state", "attempts", "created_at")
_COLUMNS: dict[str, Any] = {name: OutboxRow.__table__.c[name] for name in _POSTED}


_NOTIFY = sa.text(f"NOTIFY {CHANNEL}")


def _enqueue_statement(due: Moment) -> sa.Executable:
    return sa.insert(OutboxRow).values(available_at=due).returning(OutboxRow.id)


def _post_statement(database: Database, given: sa.FromClause) -> sa.Executable:
    """Return the INSERT of messages. On PostgreSQL it wakes the workers of other processes at its commit."""
    posted = sa.insert(OutboxRow.__table__).from_select(
        [*_POSTED, "available_at"], sa.select(*given.c, database.clock())
    )
    return posted if database.is_sqlite else sa.select(sa.func.pg_notify(CHANNEL, "")).add_cte(posted.cte("posted"))


def _claim_statement(
    database: Database, lease: timedelta, only: Collection[str], but: Collection[str], fresh: bool
) -> sa.Executable:
    # A common table expression, since PostgreSQL may run a subquery again for every row, and lock other rows each time.
    due = (
        sa.select(OutboxRow.id)
        .where(STILL_WAITING, OutboxRow.available_at <= database.clock(), *_of_kinds(only, but))
        .where(*[OutboxRow.claim.is_(None)] * fresh)
        # In the order of the index of waiting messages: by id, SQLite would scan every message ever settled.
        .order_by(OutboxRow.available_at, OutboxRow.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    # The new claim's name shows which rows had one before: SQLite returns rows as they are after the update.
    claim = sa.case((OutboxRow.claim.is_(None), sa.bindparam("first_claim")), else_=sa.bindparam("second_claim"))
    return (
        sa.update(OutboxRow)
        .where(OutboxRow.id.in_(sa.select(due.c.id)))
        .values(claim=claim, crashes=OutboxRow.crashes + 1, available_at=database.clock(lease))
        .returning(*_CLAIMED)
    )


def _of_kinds(only: Collection[str], but: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
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
