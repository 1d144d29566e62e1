"""The messages of the outbox as operators see them, and their retries by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, select

from keyturn.errors import KeyturnError
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.outbox import statements
from keyturn.service.outbox.history import shown_state
from keyturn.service.outbox.message import TO_THE_APP, Seal, SealBroken, new_key
from keyturn.service.outbox.models import (
    DEAD,
    DROPPED,
    ERASED,
    STILL_WAITING,
    WAITING,
    OutboxRow,
)


class ShownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as operators see it, without its content.

    `under_way`: a worker holds it.
    `payload`: the facts from which it was made, with its recipient; they are erased later.
    """

    id: int
    kind: str
    state: str
    reason: str | None
    attempts: int
    created_at: datetime
    available_at: datetime
    settled_at: datetime | None
    sender: str | None
    provider_id: str | None
    payload: str
    under_way: bool


class MessageUnknown(KeyturnError):
    """No message has that id."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"there is no message {message_id}: list them with `keyturn outbox list`")


async def read(
    database: Database,
    *,
    only: int = 0,
    state: str = "",
    since: datetime | None = None,
    most: int | None = 50,
) -> Sequence[ShownMessage]:
    """Return messages, the newest first.

    `only`: the id of a single message.
    `state`: a state as it is shown.
    `since`: the earliest time of creation.
    `most`: how many; None for all.
    """
    statement = _shown(database)
    if only:
        statement = statement.where(OutboxRow.id == only)
    if state:
        statement = statement.where(shown_state() == state)
    if since:
        statement = statement.where(OutboxRow.created_at >= since)
    rows = await database.fetch(statement.order_by(OutboxRow.id.desc()).limit(most))
    return [ShownMessage(**row) for row in rows]


def _shown(database: Database) -> Select[Any]:
    under_way = (
        STILL_WAITING & OutboxRow.claim.is_not(None) & (OutboxRow.available_at > database.clock())
    )
    columns: list[ColumnElement[Any]] = []
    for name in ShownMessage.__struct_fields__:
        if name == "state":
            columns.append(shown_state().label(name))
        elif name == "under_way":
            columns.append(under_way.label(name))
        else:
            columns.append(getattr(OutboxRow, name))
    return select(*columns)


async def backlog_of(database: Database) -> Mapping[str, float]:
    """Return the number of waiting messages, and the ages of the oldest one and of the oldest mail.

    Ages are in seconds, and 0 if nothing waits.
    """
    is_for_app = OutboxRow.kind.startswith(TO_THE_APP, autoescape=True)
    oldest = func.min(OutboxRow.created_at)
    backlog = select(
        func.count().label("waiting"),
        oldest.label("oldest"),
        oldest.filter(~is_for_app).label("oldest_mail"),
    )
    (row,) = await database.fetch(backlog.where(STILL_WAITING))
    return {
        "waiting": row["waiting"],
        "oldest": _age(row["oldest"]),
        "oldest_mail": _age(row["oldest_mail"]),
    }


def _age(since: datetime | None) -> float:
    if since is None:
        return 0
    return max((now() - since).total_seconds(), 0)


_BATCH = 100
"""Mails that `count_unreadable_mails` reads at a time."""


async def count_unreadable_mails(database: Database, seal: Seal) -> int:
    """Return how many waiting mails the seal cannot open. Raises DatabaseUnready."""
    sealed = select(OutboxRow.id, OutboxRow.sealed)
    sealed = sealed.where(STILL_WAITING, OutboxRow.sealed.is_not(None))
    sealed = sealed.order_by(OutboxRow.id).limit(_BATCH)
    count = 0
    last = 0
    while True:
        batch = await database.fetch(sealed.where(OutboxRow.id > last))
        if not batch:
            return count
        for row in batch:
            try:
                seal.open(bytes(row["sealed"]))
            except SealBroken:
                count += 1
        last = batch[-1]["id"]


class RetryRefused(KeyturnError):
    """The message cannot be tried again: a provider has accepted it, or it is too old."""


RetryOutcome = Literal["hastened", "reopened", "under way"]
"""What became of a request for another try.

"hastened": it is due now. "reopened": it starts again, with all its tries. "under way": a worker
holds it, so nothing was changed.
"""


async def retry(database: Database, ids: Sequence[int]) -> Sequence[RetryOutcome]:
    """Give each message another try, and return the outcomes in the same order.

    The content of a settled mail is erased, so the worker writes another mail. It gets a new
    idempotency key if a provider may know the old one. A webhook repeats its content and its key. A
    message that a provider has accepted is not sent twice.

    Raises RetryRefused or MessageUnknown. No message is changed then.
    """
    # The rows are locked, so that no worker settles them in the meantime.
    locked = _shown(database).where(OutboxRow.id.in_(ids)).order_by(OutboxRow.id)
    locked = locked.with_for_update(of=OutboxRow)
    due_now: dict[str, Any] = {"available_at": database.clock()}
    reopened = {
        **due_now,
        "state": WAITING,
        "attempts": 0,
        "crashes": 0,
        "reason": None,
        "settled_at": None,
        "sender": None,
    }

    def write(connection: Connection) -> Sequence[RetryOutcome]:
        messages = {row.id: ShownMessage(**row._asdict()) for row in connection.execute(locked)}
        # A refusal of one message comes before the change of another.
        outcomes = [_outcome(message_id, messages.get(message_id)) for message_id in ids]
        for message_id, outcome in zip(ids, outcomes, strict=True):
            if outcome == "under way":
                continue
            values = due_now
            if outcome == "reopened":
                values = dict(reopened)
                if messages[message_id].sender:
                    values["key"] = new_key()
            statements.move(
                connection, OutboxRow.id == message_id, outcome, "by an operator", values
            )
        return outcomes

    return await database.transact(write)


def _outcome(message_id: int, message: ShownMessage | None) -> RetryOutcome:
    if message is None:
        raise MessageUnknown(message_id)
    if message.state == WAITING:
        return "under way" if message.under_way else "hastened"
    if message.state not in {DEAD, DROPPED}:
        accepted = f"message {message_id} was accepted by {message.sender} and is {message.state}"
        raise RetryRefused(f"{accepted}: Keyturn does not send it twice")
    if message.payload == ERASED:
        raise RetryRefused(f"message {message_id} is too old: its address was erased")
    return "reopened"
