"""The history of a message: our own tries, and what the provider reports of it later."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, case, func, insert, or_, select, update

from keyturn.errors import KeyturnError
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.statements import insert_into
from keyturn.service.outbox.message import TO_THE_APP, Seal, SealBroken, new_key
from keyturn.service.outbox.models import DEAD, DROPPED, ERASED, SENT, STILL_WAITING, WAITING, EventRow, OutboxRow


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a message's history.

    `event`: "retried", "parked", "sent", "dropped" or "dead" from a worker, "hastened" or "reopened" from an operator;
    otherwise the provider's own word.
    `source_id`: the provider's id of its report.
    """

    message_id: int
    event: str
    detail: str
    at: datetime
    source_id: str | None = None


def note(connection: Connection, event: Event) -> None:
    """Write an event in the caller's transaction."""
    connection.execute(insert(EventRow).values(**msgspec.structs.asdict(event)))


def note_report(connection: Connection, event: Event) -> bool:
    """Write a provider's report; return whether it is new."""
    fresh = insert_into(EventRow, connection.dialect).values(**msgspec.structs.asdict(event))
    statement = fresh.on_conflict_do_nothing(index_elements=[EventRow.source_id]).returning(EventRow.id)
    return connection.execute(statement).first() is not None


async def message_behind(database: Database, provider_id: str, key: str) -> int | None:
    """Return the message with this provider id or this idempotency key; None if neither is ours."""
    statement = select(OutboxRow.id).where(or_(OutboxRow.provider_id == provider_id, OutboxRow.key == key))
    rows = await database.fetch(statement.limit(1))
    return int(rows[0]["id"]) if rows else None


async def history_of(database: Database, message_id: int) -> Sequence[Event]:
    """Return the history of a message, sorted by the time of each event, the oldest first."""
    columns = [getattr(EventRow, name) for name in Event.__struct_fields__]
    statement = select(*columns).where(EventRow.message_id == message_id).order_by(EventRow.at, EventRow.id)
    return [Event(**row) for row in await database.fetch(statement)]


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
"""What a provider's events mean for a mail, the weightiest last. Reports arrive in any order; the weightiest counts."""

STATES = (WAITING, SENT, *dict.fromkeys(_MEANINGS.values()), DROPPED, DEAD)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A message as an operator may see it: without the mail, the link and the key.

    `under_way`: a worker holds it at this moment.

    `payload`: holds the recipient, until that is erased.
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

    @property
    def is_erased(self) -> bool:
        return self.payload == ERASED


class MessageUnknown(KeyturnError):
    """No message has that id."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"there is no message {message_id}: list them with `keyturn outbox list`")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Selects messages by the fields of `Item`. `about`: members of a payload, of which one must match."""

    id: int | None = None
    state: str = ""
    about: Mapping[str, str] | None = None
    since: datetime | None = None
    most: int | None = 50


async def read(database: Database, wanted: Wanted, moment: datetime) -> Sequence[Item]:
    """Return the newest matching messages, newest first."""
    state = shown_state()
    under_way = OutboxRow.claim.is_not(None) & (OutboxRow.available_at > moment) & (OutboxRow.state == WAITING)
    derived: Mapping[str, ColumnElement[Any]] = {"state": state, "under_way": under_way}
    plain = [getattr(OutboxRow, name) for name in Item.__struct_fields__ if name not in derived]
    statement = select(*plain, *(column.label(name) for name, column in derived.items()))
    if wanted.id is not None:
        statement = statement.where(OutboxRow.id == wanted.id)
    if wanted.state:
        statement = statement.where(state == wanted.state)
    if wanted.about is not None:
        statement = statement.where(or_(*(_payload_has(name, text) for name, text in wanted.about.items())))
    if wanted.since:
        statement = statement.where(OutboxRow.created_at >= wanted.since)
    rows = await database.fetch(statement.order_by(OutboxRow.id.desc()).limit(wanted.most))
    return [Item(**row) for row in rows]


def shown_state() -> ColumnElement[str]:
    """Return the expression for a message's state: the row's own, until a provider has reported more.

    It is derived at read time, so a late report cannot move a message back.
    """
    weighed = case(
        {event: f"{weight}{meaning}" for weight, (event, meaning) in enumerate(_MEANINGS.items())},
        value=EventRow.event,
    )
    reported = (
        select(func.substr(func.max(weighed), 2))
        .where(EventRow.message_id == OutboxRow.id)
        .correlate(OutboxRow)
        .scalar_subquery()
    )
    # A waiting message is tried again, whatever a provider reported of an earlier try.
    return case((OutboxRow.state == WAITING, OutboxRow.state), else_=func.coalesce(reported, OutboxRow.state))


def _payload_has(name: str, text: str) -> ColumnElement[bool]:
    """Return whether the payload has that member. Text inside a JSON string cannot match: its quotes are escaped."""
    member = msgspec.json.encode({name: text})[1:-1].decode()
    return OutboxRow.payload.contains(member, autoescape=True)


_BATCH = 100


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """The messages that are not settled.

    `oldest`: age of the oldest, or zero.
    `oldest_mail`: age of the oldest mail, or zero. Other messages wait for the app.
    """

    waiting: int
    oldest: timedelta
    oldest_mail: timedelta


async def backlog_of(database: Database) -> Backlog:
    """Return the outbox's backlog, by one statement over the index of waiting messages. Raises DatabaseUnready."""
    first = func.min(OutboxRow.created_at)
    is_for_app = or_(*(OutboxRow.kind.startswith(one, autoescape=True) for one in TO_THE_APP))
    counted = select(func.count().label("waiting"), first.label("first"), first.filter(~is_for_app).label("first_mail"))
    (row,) = await database.fetch(counted.where(STILL_WAITING))
    return Backlog(waiting=row["waiting"], oldest=_age(row["first"]), oldest_mail=_age(row["first_mail"]))


def _age(since: datetime | None) -> timedelta:
    return max(now() - since, timedelta(0)) if since else timedelta(0)


async def mails_sealed_otherwise(database: Database, seal: Seal) -> int:
    """Return how many waiting mails the seal cannot open. Raises DatabaseUnready."""
    others, last = 0, 0
    sealed = select(OutboxRow.id, OutboxRow.sealed).where(STILL_WAITING, OutboxRow.sealed.is_not(None))
    while found := await database.fetch(sealed.where(OutboxRow.id > last).order_by(OutboxRow.id).limit(_BATCH)):
        for row in found:
            try:
                seal.open(bytes(row["sealed"]))
            except SealBroken:
                others += 1
        last = found[-1]["id"]
    return others


Outcome = Literal["hastened", "reopened", "under way"]


_DECISIVE = (OutboxRow.claim, OutboxRow.sender, OutboxRow.payload)
_ANEW: Mapping[str, Any] = {
    "state": WAITING,
    "attempts": 0,
    "crashes": 0,
    "reason": None,
    "sender": None,
    "settled_at": None,
}


HELD = "held by an operator"
"""The reason of a dropped message that `hold` dropped. It keeps its sealed mail."""

_MOVED_AT_ONCE = 500


async def hold(database: Database, kinds: Iterable[str], moment: datetime) -> int:
    """Drop the waiting messages of these kinds as they are, so that `release` can go on with them; return how many.

    Messages that a worker is handling stay: their outcome is not known yet.
    """
    waiting = select(OutboxRow.id).where(
        STILL_WAITING,
        OutboxRow.kind.in_(list(kinds)),
        or_(OutboxRow.claim.is_(None), OutboxRow.available_at <= database.clock()),
    )
    held = {"state": DROPPED, "reason": HELD, "settled_at": moment, "claim": None}
    return await _move(database, waiting, held, {"event": DROPPED, "detail": HELD, "at": moment})


async def release(database: Database, moment: datetime) -> tuple[int, int]:
    """Let the held messages wait again; return how many, and how many held ones have lost their address.

    A mail that was sealed leaves as the same mail, under the same key. One that a provider has reported in the meantime
    stays as it is.
    """
    held = select(OutboxRow.id).where(OutboxRow.reason == HELD, shown_state() == DROPPED)
    opened = {**_ANEW, "sender": OutboxRow.sender, "available_at": database.clock()}
    event = {"event": "reopened", "detail": "by an operator", "at": moment}
    released = await _move(database, held.where(OutboxRow.payload != ERASED), opened, event)
    (left,) = await database.fetch(select(func.count().label("held")).select_from(held.subquery()))
    return released, left["held"]


async def hasten(database: Database, moment: datetime) -> int:
    """Make all messages that wait for another try due now; return how many. Those that a worker holds stay.

    A message that was never tried has no reason yet, and stays, too: it waits on purpose, as the promise of a change in
    another system does.
    """
    later = select(OutboxRow.id).where(
        STILL_WAITING,
        OutboxRow.claim.is_(None),
        OutboxRow.reason.is_not(None),
        OutboxRow.available_at > database.clock(),
    )
    event = {"event": "hastened", "detail": "by an operator", "at": moment}
    return await _move(database, later, {"available_at": database.clock()}, event)


async def _move(database: Database, chosen: Select[int], values: Mapping[str, Any], event: Mapping[str, Any]) -> int:
    """Change the chosen messages in batches, and note the event of each; return how many. Others may work meanwhile.

    Each is changed once, also if a worker makes it fit again.
    """
    batch = chosen.order_by(OutboxRow.id).limit(_MOVED_AT_ONCE).with_for_update(of=OutboxRow)
    moved = last = 0

    def write(connection: Connection) -> Sequence[int]:
        ids = connection.scalars(batch.where(OutboxRow.id > last)).all()
        if ids:
            connection.execute(update(OutboxRow).where(OutboxRow.id.in_(ids)).values(values))
            connection.execute(insert(EventRow), [{**event, "message_id": message_id} for message_id in ids])
        return ids

    while ids := await database.transact(write):
        moved, last = moved + len(ids), ids[-1]
    return moved


class RetryRefused(KeyturnError):
    """The message cannot be tried again: a provider has it, or it is too old."""


async def retry(database: Database, ids: Sequence[int], moment: datetime) -> Sequence[Outcome]:
    """Give each message another try, and return how.

    Raises RetryRefused or MessageUnknown; then none of them is changed. A dead or dropped mail starts over: its content
    was erased, so the worker decides and writes again. It gets a new idempotency key if a transport may know the old
    one. A held mail leaves as it was, and a webhook repeats the same content, each under the same key. A message that a
    provider accepted is not sent twice.
    """
    clock = database.clock()

    def write(connection: Connection) -> Sequence[Outcome]:
        # In the order of their ids, as a worker ends them: the two cannot deadlock.
        outcomes = {message_id: _retry(connection, message_id, moment, clock) for message_id in sorted(ids)}
        return [outcomes[message_id] for message_id in ids]

    return await database.transact(write)


def _retry(connection: Connection, message_id: int, moment: datetime, clock: ColumnElement[datetime]) -> Outcome:
    # The row is locked, so that no worker settles it in the meantime.
    found = connection.execute(
        select(
            *_DECISIVE,
            OutboxRow.sealed.is_not(None).label("sealed"),
            shown_state().label("shown"),
            (OutboxRow.available_at > clock).label("waits"),
        )
        .where(OutboxRow.id == message_id)
        .with_for_update(of=OutboxRow)
    )
    row = found.one_or_none()
    if row is None:
        raise MessageUnknown(message_id)
    if row.shown == WAITING:
        if row.claim and row.waits:
            return "under way"
        # A message that is already due keeps its place.
        return _write(connection, message_id, moment, "hastened", {"available_at": clock} if row.waits else {})
    if row.shown not in {DEAD, DROPPED}:
        raise RetryRefused(
            f"message {message_id} was accepted by {row.sender} and is {row.shown}: Keyturn does not send it twice"
        )
    if row.payload == ERASED:
        raise RetryRefused(f"message {message_id} is too old: its address was erased")
    anew = {**_ANEW} | {"available_at": clock} | ({"key": new_key()} if row.sender and not row.sealed else {})
    return _write(connection, message_id, moment, "reopened", anew)


def _write(
    connection: Connection, message_id: int, moment: datetime, outcome: Outcome, values: Mapping[str, Any]
) -> Outcome:
    if values:
        connection.execute(update(OutboxRow).where(OutboxRow.id == message_id).values(values))
    note(connection, Event(message_id=message_id, event=outcome, detail="by an operator", at=moment))
    return outcome
