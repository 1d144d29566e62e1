"""Writing to the outbox, and claiming from it."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    FromClause,
    Integer,
    Row,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.database import Database, Moment, now
from keyturn.database.batching import Batcher
from keyturn.database.statements import ManyRows, insert_if
from keyturn.outbox.message import Message, new_key
from keyturn.outbox.models import STILL_WAITING, WAITING, OutboxRow
from keyturn.outbox.settlements import Settlements
from keyturn.problems.requests import DatabaseUnready
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.outbox")

CHANNEL = "keyturn_outbox"


class Listener:
    """Hears of new messages by NOTIFY, on one connection of the pool for as long as the worker runs."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._connection: AsyncConnection | None = None

    async def ensure(self) -> None:
        """Listen, if nobody does: at the start, and again after a connection was lost. Never raises for that."""
        if self._database.is_sqlite or (self._connection and not (await self._driver()).is_closed()):
            return
        await self.close()
        try:
            self._connection = await self._database.engine.connect()
            driver = await self._driver()
            await driver.add_listener(CHANNEL, lambda *_: self._wake())
        except Exception as error:  # noqa: BLE001 - whatever the driver says, polling stands behind it
            log.debug(LogEvent("outbox.not_listening", error=type(error).__name__))
            await self.close()

    async def close(self) -> None:
        if self._connection:
            connection, self._connection = self._connection, None
            # Not back into the pool: the next to use it would be a listener without knowing.
            await connection.invalidate()
            await connection.close()

    async def _driver(self) -> Any:
        assert self._connection  # both callers have one
        return (await self._connection.get_raw_connection()).driver_connection


class LeaseLost(Exception):
    """The lease of a claim ran out under a worker, and the message is in other hands."""


class Outbox:
    """Posts, claims and settles messages, in one table.

    `settlements` is how they end. `waiting` is set when this process has written something that a relay of its own
    could take.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settlements = Settlements(database)
        self._rows = ManyRows(database, _COLUMNS)
        self._post = _post_statement(database, self._rows.table)
        self._claims: dict[Any, Executable] = {}
        self._is_held = database.is_one_of(OutboxRow.id, "ids") & database.is_one_of(OutboxRow.claim, "claims")
        # In the order of their ids, as every statement that locks several: two workers never wait for each other.
        self._held = select(OutboxRow.id).where(self._is_held).order_by(OutboxRow.id).with_for_update()
        held = self._held.cte("held")
        self._update_held = update(OutboxRow).where(OutboxRow.id.in_(select(held.c.id)))
        self._enqueue = _enqueue_statement(database.clock())
        self._enqueue_if = insert_if(database, OutboxRow, _POSTED, available_at=database.clock())
        self._posts: Batcher[dict[str, object], None] = Batcher(
            self._insert_all, common=DatabaseUnready, gathers=database.is_sqlite, deadline=database.deadline
        )
        self.waiting = asyncio.Event()

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in a transaction of its own, shared with all who post at that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _insert_all(self, rows: Sequence[dict[str, object]]) -> Sequence[None]:
        await self.database.execute(self._post, self._rows.parameter(rows))
        self.wake()
        return [None] * len(rows)

    def wake(self) -> None:
        """Have this process's relay look again: something was committed."""
        self.waiting.set()

    def close(self) -> None:
        """Forget who waited: an event belongs to the event loop that it was waited for in."""
        self.waiting = asyncio.Event()

    def enqueue(
        self, connection: Connection, kind: str, payload: msgspec.Struct, *, due: Moment | None = None, key: str = ""
    ) -> int:
        """Write a message in the caller's transaction and return its id. The caller calls `wake` after its commit.

        Nobody takes it before it is `due`. `key`, 32 characters that nobody else has, is for whoever may withdraw it.
        """
        row = _row(kind, payload) | ({"key": key} if key else {})
        statement = self._enqueue if due is None else _enqueue_statement(due)
        written: int = connection.execute(statement, row).scalar_one()
        self._notify_workers(connection)
        return written

    def enqueue_each_if(
        self, connection: Connection, kind: str, payloads: Sequence[tuple[msgspec.Struct, bool]]
    ) -> None:
        """Write those messages that are wanted, as `enqueue` does; the statements are the same where none is."""
        rows = [_row(kind, payload) | {"wanted": wanted} for payload, wanted in payloads]
        connection.execute(self._enqueue_if, rows)
        self._notify_workers(connection)

    def withdraw(self, connection: Connection, key: str) -> bool:
        """Take a message back, in the caller's transaction; tell whether it was there still.

        Of any number who try at once, one is told True: what the message asks is that one's to do, or to leave undone.
        """
        # By its key: SQLite gives the id of a row that is gone to the next.
        withdrawn = delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)
        return connection.execute(withdrawn).first() is not None

    def _notify_workers(self, connection: Connection) -> None:
        """Wake the workers of other processes, at the commit (https://www.postgresql.org/docs/current/sql-notify.html)."""
        if not self.database.is_sqlite:
            connection.execute(_NOTIFY)

    async def claim(
        self, most: int, lease: timedelta, *, only: Collection[str] = (), but: Collection[str] = (), fresh: bool = False
    ) -> Sequence[Message]:
        """Take the messages that are due the longest, at most `most`; nobody else gets them before `lease` is over.

        `only` these kinds, where any are named, and none of those in `but`; none that was abandoned, where `fresh`.
        """
        second = os.urandom(16).hex()
        which = (lease, tuple(only), tuple(but), fresh)
        statement = self._claims.get(which)
        if statement is None:
            statement = self._claims[which] = _claim_statement(self.database, *which)
        given = {"most": most, "first_claim": os.urandom(16).hex(), "second_claim": second}
        claiming = asyncio.ensure_future(self.database.execute(statement, given))
        try:
            rows = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # What was taken nobody would begin before the lease is over.
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
        """Begin the leases of messages anew, each under its claim; one that is in other hands by now stays there."""
        renewed = self._update_held.values(available_at=self.database.clock(lease))
        await self.database.execute(renewed, {"ids": list(claims), "claims": list(set(claims.values()))})

    async def put_back(self, messages: Sequence[Message]) -> None:
        """Let messages that were claimed, and not begun, be claimed again at once."""
        # They are due as long as they have been there, and so in their old place before others.
        earlier = func.min if self.database.is_sqlite else func.least
        due = earlier(OutboxRow.created_at, self.database.clock())
        values = {"claim": None, "crashes": OutboxRow.crashes - 1, "available_at": due}
        await self.database.execute(self._update_held.values(values), _hold_of(messages))

    async def leave(self, messages: Sequence[Message], pause: timedelta, *, kept: Sequence[Message] = ()) -> None:
        """Let messages be claimed again after the pause as they were, before this claim: as abandoned ones.

        Whoever is cancelled meanwhile has none of those any more that were `kept` of the same claim.
        """
        values = {"crashes": OutboxRow.crashes - 1, "available_at": self.database.clock(pause)}
        left = self._update_held.values(values)
        leaving = asyncio.ensure_future(self.database.execute(left, _hold_of(messages)))
        try:
            await asyncio.shield(leaving)
        except asyncio.CancelledError:
            await asyncio.gather(leaving, return_exceptions=True)
            with contextlib.suppress(Exception):  # then their leases end by themselves
                await self._undo_claim(kept)
            raise

    def lock(self, connection: Connection, messages: Sequence[Message]) -> Collection[int]:
        """Return the ids of those that are in these hands still, and will be until the caller's transaction ends."""
        return set(connection.execute(self._held, _hold_of(messages)).scalars())

    def require_held(self, connection: Connection, message: Message) -> None:
        """Lock the message. Raises LeaseLost where it is in other hands: the caller commits nothing, sends nothing."""
        if not self.lock(connection, [message]):
            raise LeaseLost

    def store_sealed(self, connection: Connection, mails: Sequence[tuple[Message, bytes | None]]) -> None:
        """Keep sealed mails in the caller's transaction, so that every later try sends these bytes; None is no mail.

        A message's `sender` is noted before it is called: it may have the mail, whatever becomes of this process. So
        is its `key`, which is another one where another mail takes the place of the first. The caller has the messages
        locked.
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
        connection.execute(_SEALED, rows)

    async def reserve_transport(self, message: Message, sender: str | None) -> None:
        """Note that the transport may have the mail from now on; None where nobody has it, so that any may be asked.

        Raises LeaseLost where the message is in other hands.
        """
        held = update(OutboxRow).where(OutboxRow.id == message.id, OutboxRow.claim == message.claim)
        if not await self.database.execute(held.values(sender=sender).returning(OutboxRow.id)):
            raise LeaseLost


_CLAIMED = [
    OutboxRow.attempts + 1 if name == "attempts" else getattr(OutboxRow, name)
    for name in Message.__struct_fields__
    if name != "abandoned"
]


def _message(row: Row[Any], abandoned: str) -> Message:
    fields = dict(zip(Message.__struct_fields__, row, strict=False))
    return Message(**fields, abandoned=fields["claim"] == abandoned)


def _hold_of(messages: Sequence[Message]) -> dict[str, Any]:
    """Return the parameters of what asks whether messages are in these hands still."""
    return {"ids": [one.id for one in messages], "claims": list({one.claim for one in messages})}


_SEALED = (
    update(OutboxRow.__table__)  # type: ignore[arg-type]
    .where(OutboxRow.id == bindparam("held_id"), OutboxRow.claim == bindparam("held_claim"))
    .values({name: bindparam(f"new_{name}") for name in ("sealed", "sender", "key")})
)


_POSTED = ("key", "kind", "payload", "state", "attempts", "created_at")
_COLUMNS: dict[str, Any] = {name: OutboxRow.__table__.c[name] for name in _POSTED}


_NOTIFY = text(f"NOTIFY {CHANNEL}")


def _enqueue_statement(due: Moment) -> Executable:
    return insert(OutboxRow).values(available_at=due).returning(OutboxRow.id)


def _post_statement(database: Database, given: FromClause) -> Executable:
    """Return the INSERT of messages; on PostgreSQL it wakes the workers of other processes, at its commit."""
    posted = insert(OutboxRow.__table__).from_select(  # type: ignore[arg-type]
        [*_POSTED, "available_at"], select(*given.c, database.clock())
    )
    return posted if database.is_sqlite else select(func.pg_notify(CHANNEL, "")).add_cte(posted.cte("posted"))


def _claim_statement(
    database: Database, lease: timedelta, only: Collection[str], but: Collection[str], fresh: bool
) -> Executable:
    # A common table expression, since PostgreSQL may run a subquery again for every row, and each time lock others.
    due = (
        select(OutboxRow.id)
        .where(STILL_WAITING, OutboxRow.available_at <= database.clock(), *_of_kinds(only, but))
        .where(*[OutboxRow.claim.is_(None)] * fresh)
        # In the order of the index of those that wait: by their ids, SQLite would pass all that were ever settled.
        .order_by(OutboxRow.available_at, OutboxRow.id)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    # Which of them had a claim is told by its new name: SQLite returns rows as they are afterwards.
    claim = case((OutboxRow.claim.is_(None), bindparam("first_claim")), else_=bindparam("second_claim"))
    return (
        update(OutboxRow)
        .where(OutboxRow.id.in_(select(due.c.id)))
        .values(claim=claim, crashes=OutboxRow.crashes + 1, available_at=database.clock(lease))
        .returning(*_CLAIMED)
    )


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
