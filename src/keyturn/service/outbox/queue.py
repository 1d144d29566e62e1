"""The outbox's table: messages are written in the caller's transaction, claimed by a worker, and
ended under its claim.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from keyturn.service.clock import now, random_bytes
from keyturn.service.database import Database, Moment, Store
from keyturn.service.database.batching import Batcher
from keyturn.service.outbox import statements
from keyturn.service.outbox.message import Dead, Dropped, Message, Sent, new_key
from keyturn.service.outbox.models import LONGEST_REASON, SENT, STILL_WAITING, WAITING, OutboxRow
from keyturn.service.outbox.statements import Row

_PAUSE = 0.003
"""Seconds for which the end of a message waits for others, to share a transaction: on SQLite, each
transaction delays requests for links.

If the worker is killed in that time, the mail is sent once more under the same key.
"""


class LeaseLost(Exception):
    """The lease of a claim ran out during the work, and another worker holds the message."""


class NewMessage(NamedTuple):
    """A message to write. `is_wanted`: False if the statement that writes it must write nothing."""

    payload: msgspec.Struct
    is_wanted: bool = True


class _Ending(NamedTuple):
    message: Message
    end: Sent | Dropped | Dead


class Outbox(Store):
    """Writes, claims and ends messages. Plain methods run in the caller's transaction.

    `woken`: the next `wake` sets it.
    """

    has_written = False
    """Whether a message was written in the transaction that the outbox is `within`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.woken = asyncio.Event()
        self._write_if = statements.write_if(database)
        self._find_due = statements.find_due(database)
        # Each queue of a worker repeats its own claim.
        self._statement_of_claim = cache(partial(statements.claim, database))
        self._posts: Batcher[Row, None] = Batcher(self._post_all, in_time=database.in_time)
        self._ends: Batcher[_Ending, None] = Batcher(self._end_all, pause=_PAUSE)

    async def post(self, kind: str, payload: msgspec.Struct) -> None:
        """Write a message in a transaction that all callers of the same moment share."""
        await self._posts.submit(_new_row(kind, payload))

    async def _post_all(self, rows: Sequence[Row]) -> Sequence[None]:
        wanted = [row | {"wanted": True} for row in rows]
        await self.database.execute(self._write_if, wanted)
        self.wake()
        return [None] * len(rows)

    def wake(self) -> None:
        """Tell this process's worker that messages were committed."""
        self.woken.set()
        self.woken = asyncio.Event()

    def enqueue(
        self, kind: str, payload: msgspec.Struct, *, due: Moment | None = None, key: str = ""
    ) -> int:
        """Write a message, and return its id.

        `due`: the time from which it may be claimed; None for now.
        `key`: 32 unique characters, by which it can be withdrawn (`withdraw`).
        """
        row = _new_row(kind, payload)
        if key:
            row["key"] = key
        if due is None:
            due = self.database.clock()
        message_id: int = self.connection.execute(statements.write(row, due)).scalar_one()
        self.has_written = True
        return message_id

    def enqueue_each_if(self, kind: str, messages: Sequence[NewMessage]) -> None:
        """Write the wanted ones of at least one message, as `enqueue` does.

        The statements are the same if none is wanted.
        """
        rows = [_new_row(kind, payload) | {"wanted": wanted} for payload, wanted in messages]
        self.connection.execute(self._write_if, rows)
        self.has_written = True

    def withdraw(self, key: str) -> bool:
        """Delete a message: of concurrent callers exactly one gets True, and does its work."""
        return self.connection.execute(statements.withdraw(key)).first() is not None

    async def is_any_due(self) -> bool:
        """Return whether a message is due.

        Raises DatabaseUnready if the server takes no writes, since it is not the primary any more.
        """
        await self.database.require_writable()
        return bool(await self.database.fetch(self._find_due))

    async def claim(
        self, most: int, lease: timedelta, *, only: Collection[str] = (), abandoned: bool = False
    ) -> Sequence[Message]:
        """Claim at most `most` messages that are due, the oldest first, for a `lease`.

        `only`: kinds to claim; none for all.
        `abandoned`: claim messages whose lease has ended without a report, in place of messages
        without a claim.
        """
        claim = self._statement_of_claim(lease, tuple(only), abandoned)
        token = random_bytes(16).hex()
        rows = await self.database.execute(claim, {"most": most, "token": token})
        messages = []
        for row in rows:
            values = row._asdict()
            values["attempts"] += 1  # this try is counted when it ends
            messages.append(Message(**values))
        return sorted(messages, key=_id)

    async def renew(self, messages: Collection[Message], lease: timedelta) -> None:
        """Start the leases of these messages again from now."""
        renew = statements.renew(self.database, lease)
        # In the order of their ids, as in every transaction that writes several messages, so that
        # two workers cannot deadlock.
        rows = [statements.held(message) for message in sorted(messages, key=_id)]
        await self.database.transact(lambda connection: connection.execute(renew, rows))

    def lock(self, messages: Sequence[Message]) -> Collection[int]:
        """Return the ids of the messages that are still held under their claims, locked until the
        transaction ends.
        """
        return set(self.connection.scalars(statements.lock(messages)))

    def require(self, message: Message) -> None:
        """Lock a message.

        Raises LeaseLost, which undoes the caller's transaction, if another worker holds it.
        """
        if not self.lock([message]):
            raise LeaseLost

    def seal(self, mails: Sequence[tuple[Message, bytes | None]]) -> None:
        """Store the sealed mails of messages that the caller has locked; None means no mail.

        The sender and the key are stored with the mail, before the provider is called: it may have
        the mail even if this process dies.
        """
        rows = []
        for message, sealed in mails:
            sender = message.sender if sealed else None
            rows.append(statements.held(message, sealed=sealed, sender=sender, key=message.key))
        self.connection.execute(statements.seal(), rows)

    def drop(self, reasons: Sequence[tuple[Message, str]]) -> None:
        """Drop each message for its reason, in the transaction of the decision.

        With an empty list the same statements run. The worker later ends a dropped message like
        every other one, so its work does not tell whether a request led to a mail (ASVS 6.3.8).
        """
        _end(self.connection, [_Ending(message, Dropped(reason)) for message, reason in reasons])

    async def change(self, message: Message, **values: str | None) -> Message:
        """Store another `key` or `sender` of a message, and return the changed message.

        A `sender` of None means that no provider has the mail. Raises LeaseLost.
        """
        change = statements.change(values).returning(OutboxRow.id)
        changed = await self.database.execute(change, statements.held(message))
        if not changed:
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
        """End the claim of a message, which may be claimed again from `until` on.

        `values`: its new `attempts`, `crashes` and `sender`.
        """
        reason = reason[:LONGEST_REASON]
        is_held = (OutboxRow.id == message.id) & (OutboxRow.claim == message.claim)
        postponed = {"claim": None, "reason": reason, "available_at": until, **values}
        await self.database.transact(
            lambda connection: statements.move(connection, is_held, event, reason, postponed)
        )

    async def end(self, message: Message, end: Sent | Dropped | Dead) -> None:
        """End a message. All messages that end at the same moment share a transaction."""
        await self._ends.submit(_Ending(message, end))

    async def _end_all(self, ends: Sequence[_Ending]) -> Sequence[None]:
        await self.database.transact(lambda connection: _end(connection, ends))
        return [None] * len(ends)

    def end_reported(self, message_id: int, sent: Sent) -> None:
        """Settle a waiting message as sent: a provider reports that it has the mail.

        A worker that holds the message loses its claim.
        """
        is_waiting = (OutboxRow.id == message_id) & STILL_WAITING
        values = _ended(sent)
        values |= {"sealed": None, "claim": None}
        statements.move(self.connection, is_waiting, SENT, sent.sender, values)


def _id(message: Message) -> int:
    return message.id


def _id_of_ended(ending: _Ending) -> int:
    return ending.message.id


def _new_row(kind: str, payload: msgspec.Struct) -> Row:
    return {
        "key": new_key(),
        "kind": kind,
        "payload": msgspec.json.encode(payload).decode(),
        "state": WAITING,
        "attempts": 0,
        "created_at": now(),
    }


def _ended(end: Sent | Dropped | Dead) -> Row:
    """Return the new values of a message that ends."""
    values: Row = {
        "state": end.state,
        "settled_at": now(),
        "reason": None,
        "sender": None,
        "provider_id": None,
    }
    if isinstance(end, Sent):
        values["sender"] = end.sender[:LONGEST_REASON]
        values["provider_id"] = end.provider_id[:LONGEST_REASON]
    else:
        values["reason"] = end.reason[:LONGEST_REASON]
    return values


def _end(connection: sa.Connection, endings: Sequence[_Ending]) -> None:
    rows = []
    for message, end in sorted(endings, key=_id_of_ended):
        rows.append(statements.held(message, attempts=message.attempts, **_ended(end)))
    if not rows:
        rows = [statements.end_of_none()]
    connection.execute(statements.note_end(), rows)
    connection.execute(statements.end(), rows)
