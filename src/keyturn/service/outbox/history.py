"""The history of a message: Keyturn's own tries, and the provider's later reports."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from keyturn.errors import KeyturnError
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.outbox.message import TO_THE_APP, Seal, SealBroken, new_key
from keyturn.service.outbox.models import (
    DEAD,
    DROPPED,
    ERASED,
    SENT,
    STILL_WAITING,
    WAITING,
    EventRow,
    OutboxRow,
)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a message's history.

    `event`: what a worker or an operator did, or what the provider reported.
    `source_id`: the provider's id of its report; None for the other entries.
    """

    message_id: int
    event: str
    detail: str
    at: datetime
    source_id: str | None = None


def note(which: ColumnElement[bool], *event: ColumnElement[Any]) -> Insert:
    """Return an INSERT that notes an event (name, detail, time) of each message that meets a
    condition.

    It also locks these messages.
    """
    noted = select(OutboxRow.id, *event).where(which).with_for_update(of=OutboxRow)
    return insert(EventRow).from_select(["message_id", "event", "detail", "at"], noted)


def move(
    connection: Connection,
    which: ColumnElement[bool],
    event: str,
    detail: str,
    values: Mapping[str, Any],
) -> None:
    """Note an event of the message that meets a condition, if there is one, and change it."""
    at = literal(now(), EventRow.at.type)
    connection.execute(note(which, literal(event), literal(detail), at))
    connection.execute(update(OutboxRow).where(which).values(values))


def note_report(connection: Connection, event: Event) -> bool:
    """Write a provider's report; return whether it is new."""
    written = insert_into(EventRow, connection.dialect).values(**msgspec.structs.asdict(event))
    # Providers repeat their reports.
    if_new = written.on_conflict_do_nothing(index_elements=[EventRow.source_id])
    return connection.execute(if_new.returning(EventRow.id)).first() is not None


async def message_behind(database: Database, provider_id: str, key: str) -> int | None:
    """Return the id of the message with this provider id or idempotency key, or None."""
    named = (
        select(OutboxRow.id)
        .where(or_(OutboxRow.provider_id == provider_id, OutboxRow.key == key))
        .limit(1)
    )
    return await database.read(lambda connection: connection.scalar(named))


async def history_of(database: Database, message_id: int) -> Sequence[Event]:
    """Return the history of a message, the oldest event first."""
    columns = [getattr(EventRow, name) for name in Event.__struct_fields__]
    events = select(*columns).where(EventRow.message_id == message_id)
    oldest_first = events.order_by(EventRow.at, EventRow.id)
    return [Event(**row) for row in await database.fetch(oldest_first)]


_MEANINGS = {
    "delivery_delayed": "delayed",
    "delivered": "delivered",
    "opened": "delivered",
    "clicked": "delivered",
    "failed": "failed",
    "suppressed": "suppressed",
    "bounced": "bounced",
    "complained": "complained",
}
"""The state of a mail by a provider's event, the weightiest event last.

Reports arrive in any order, so the weightiest one counts.
"""

STATES = (WAITING, SENT, *dict.fromkeys(_MEANINGS.values()), DROPPED, DEAD)


class Item(msgspec.Struct, frozen=True, kw_only=True):
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
) -> Sequence[Item]:
    """Return messages, the newest first.

    `only`: the id of a single message.
    `state`: a state as it is shown.
    `since`: the earliest time of creation.
    `most`: how many; None for all.
    """
    statement = _items(database)
    if only:
        statement = statement.where(OutboxRow.id == only)
    if state:
        statement = statement.where(shown_state() == state)
    if since:
        statement = statement.where(OutboxRow.created_at >= since)
    rows = await database.fetch(statement.order_by(OutboxRow.id.desc()).limit(most))
    return [Item(**row) for row in rows]


def _items(database: Database) -> Select[Any]:
    under_way = (
        STILL_WAITING & OutboxRow.claim.is_not(None) & (OutboxRow.available_at > database.clock())
    )
    derived = ("state", "under_way")
    stored = [getattr(OutboxRow, name) for name in Item.__struct_fields__ if name not in derived]
    return select(*stored, shown_state().label("state"), under_way.label("under_way"))


def shown_state() -> ColumnElement[str]:
    """Return the expression for a message's state.

    It is the state of the row, until a provider has reported a later one.
    """
    # Each state has its weight as its first digit, so the greatest text is the weightiest state.
    weighed = {}
    for weight, (event, state) in enumerate(_MEANINGS.items()):
        weighed[event] = f"{weight}{state}"
    weightiest = func.substr(func.max(case(weighed, value=EventRow.event)), 2)
    reported = (
        select(weightiest)
        .where(EventRow.message_id == OutboxRow.id)
        .correlate(OutboxRow)
        .scalar_subquery()
    )
    # A waiting message is tried again, whatever a provider reported of an earlier try.
    return case(
        (OutboxRow.state == WAITING, OutboxRow.state),
        else_=func.coalesce(reported, OutboxRow.state),
    )


_BATCH = 100


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


async def mails_sealed_otherwise(database: Database, seal: Seal) -> int:
    """Return how many waiting mails the seal cannot open. Raises DatabaseUnready."""
    sealed = select(OutboxRow.id, OutboxRow.sealed)
    sealed = sealed.where(STILL_WAITING, OutboxRow.sealed.is_not(None))
    sealed = sealed.order_by(OutboxRow.id).limit(_BATCH)
    count = 0
    last = 0
    while batch := await database.fetch(sealed.where(OutboxRow.id > last)):
        for row in batch:
            try:
                seal.open(bytes(row["sealed"]))
            except SealBroken:
                count += 1
        last = batch[-1]["id"]
    return count


class RetryRefused(KeyturnError):
    """The message cannot be tried again: a provider has accepted it, or it is too old."""


Outcome = Literal["hastened", "reopened", "under way"]


async def retry(database: Database, ids: Sequence[int]) -> Sequence[Outcome]:
    """Give each message another try, and return the outcomes in the same order.

    The content of a settled mail is erased, so the worker writes another mail. It gets a new
    idempotency key if a provider may know the old one. A webhook repeats its content and its key. A
    message that a provider has accepted is not sent twice.

    Raises RetryRefused or MessageUnknown. No message is changed then.
    """
    # The rows are locked, so that no worker settles them in the meantime.
    locked = _items(database).where(OutboxRow.id.in_(ids)).order_by(OutboxRow.id)
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

    def write(connection: Connection) -> Sequence[Outcome]:
        items = {row.id: Item(**row._asdict()) for row in connection.execute(locked)}
        # A refusal of one message comes before the change of another.
        outcomes = [_outcome(message_id, items.get(message_id)) for message_id in ids]
        for message_id, outcome in zip(ids, outcomes, strict=True):
            if outcome == "under way":
                continue
            values = due_now
            if outcome == "reopened":
                values = dict(reopened)
                if items[message_id].sender:
                    values["key"] = new_key()
            move(connection, OutboxRow.id == message_id, outcome, "by an operator", values)
        return outcomes

    return await database.transact(write)


def _outcome(message_id: int, item: Item | None) -> Outcome:
    if item is None:
        raise MessageUnknown(message_id)
    if item.state == WAITING:
        return "under way" if item.under_way else "hastened"
    if item.state not in {DEAD, DROPPED}:
        accepted = f"message {message_id} was accepted by {item.sender} and is {item.state}"
        raise RetryRefused(f"{accepted}: Keyturn does not send it twice")
    if item.payload == ERASED:
        raise RetryRefused(f"message {message_id} is too old: its address was erased")
    return "reopened"
