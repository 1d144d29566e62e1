"""Writes messages to the outbox, and claims them from it."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache

import msgspec
import sqlalchemy as sa

from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.database.statements import insert_if
from keyturn.service.outbox.held import HeldMessages
from keyturn.service.outbox.message import Message, new_key
from keyturn.service.outbox.models import STILL_WAITING, WAITING, OutboxRow
from keyturn.service.problems.requests import DatabaseUnready


class Outbox(Store):
    """Posts and claims messages, in one table.

    `held`: what the holder of a claim does with its messages.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.held = HeldMessages(database)
        self._write_if = insert_if(database, OutboxRow, _WRITTEN, available_at=database.clock())
        self._posts: Batcher[dict[str, object], None] = Batcher(
            self._insert_all, common=DatabaseUnready, gathers=database.is_sqlite, in_time=database.in_time
        )
        self._woken = asyncio.Event()
        self._claims = cache(self._claim)

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in its own transaction, shared with all callers of that moment."""
        await self._posts.submit(_row(kind, payload))

    async def _insert_all(self, rows: Sequence[dict[str, object]]) -> Sequence[None]:
        await self.database.execute(self._write_if, [row | {"wanted": True} for row in rows])
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
        return written

    def enqueue_each_if(self, kind: str, payloads: Sequence[tuple[msgspec.Struct, bool]]) -> None:
        """Write the wanted messages, as `enqueue` does. The statements are the same if none is wanted."""
        rows = [_row(kind, payload) | {"wanted": wanted} for payload, wanted in payloads]
        self.connection.execute(self._write_if, rows)

    def withdraw(self, key: str) -> bool:
        """Delete a message in the caller's transaction; return whether it still existed.

        Of concurrent callers exactly one gets True, and decides whether to do what the message asks.
        """
        withdrawn = sa.delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)
        return self.connection.execute(withdrawn).first() is not None

    async def claim(
        self, most: int, lease: timedelta, *, only: Collection[str] = (), abandoned: bool = False
    ) -> Sequence[Message]:
        """Claim at most `most` messages that are due, oldest first. No other claim gets them before `lease` ends.

        `only`: kinds to claim; all kinds if empty.
        `abandoned`: claim messages whose lease ended without a report, in place of those that nobody holds.
        """
        statement = self._claims(tuple(only), lease, abandoned)
        rows = await self.database.execute(statement, {"holder": random_bytes(16).hex(), "most": most})
        return sorted((Message(**row._asdict()) for row in rows), key=lambda message: message.id)

    def _claim(self, only: Collection[str], lease: timedelta, abandoned: bool) -> sa.Executable:
        """Return the statement of a claim. An idle worker executes it each second, so it is built once."""
        # Each condition is that of an index. Only waiting messages have a claim.
        which = [OutboxRow.claim.is_not(None)] if abandoned else [STILL_WAITING, OutboxRow.claim.is_(None)]
        due = (
            sa.select(OutboxRow.id)
            .where(*which, OutboxRow.available_at <= self.database.clock())
            .where(*([OutboxRow.kind.in_(list(only))] if only else []))
            # In the order of the indexes of waiting messages: by id, SQLite would scan every message ever settled.
            .order_by(OutboxRow.available_at, OutboxRow.id)
            .limit(sa.bindparam("most"))
            .with_for_update(skip_locked=True)
            # PostgreSQL may run a subquery again for every row, and lock other rows each time.
            .cte("due")
        )
        return (
            sa.update(OutboxRow)
            .where(OutboxRow.id.in_(sa.select(due.c.id)))
            .values(
                claim=sa.bindparam("holder"), crashes=OutboxRow.crashes + 1, available_at=self.database.clock(lease)
            )
            .returning(*_CLAIMED)
        )

    async def other_kinds(self, kinds: Collection[str]) -> Sequence[str]:
        """Return the kinds of waiting messages that are none of these. Raises DatabaseUnready."""
        others = sa.select(OutboxRow.kind).where(STILL_WAITING, OutboxRow.kind.not_in(list(kinds))).distinct()
        return [row["kind"] for row in await self.database.fetch(others)]


_CLAIMED = [
    (OutboxRow.attempts + 1 if name == "attempts" else getattr(OutboxRow, name)).label(name)
    for name in Message.__struct_fields__
]

_WRITTEN = ("key", "kind", "payload", "state", "attempts", "created_at")


def _row(kind: str, payload: msgspec.Struct) -> dict[str, object]:
    return {
        "key": new_key(),
        "kind": kind,
        "payload": msgspec.json.encode(payload).decode(),
        "state": WAITING,
        "attempts": 0,
        "created_at": now(),
    }
