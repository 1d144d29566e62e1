"""The statements on the outbox's table, one function each; `move` executes two.

A frequent statement is built once, and gets its values as parameters, which its docstring names. A
statement that writes to claimed messages runs once for each of them: `held` returns its parameters.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from keyturn.service.clock import now
from keyturn.service.database import Database, Moment
from keyturn.service.database.statements import insert_if
from keyturn.service.outbox.message import Message
from keyturn.service.outbox.models import SENT, STILL_WAITING, EventRow, OutboxRow

Row = dict[str, object]
"""Values of a message by the names of their columns, or of their parameters."""

_TABLE = OutboxRow.__table__

_WRITTEN = ("key", "kind", "payload", "state", "attempts", "created_at")
"""The columns of a new message that the database does not fill."""

_CHANGED_AT_END = ("state", "settled_at", "attempts", "reason")

_KEPT_AT_END = ("sender", "provider_id")
"""Columns that keep their values if an end has none."""


def write_if(database: Database) -> Any:
    """Write the message of `_WRITTEN` if `wanted`, to be claimed from now on."""
    return insert_if(database.dialect, OutboxRow, _WRITTEN, available_at=database.clock())


def write(row: Row, available_at: Moment) -> sa.Executable:
    """Write a message, and return its id."""
    written = sa.insert(OutboxRow).values(**row, available_at=available_at)
    return written.returning(OutboxRow.id)


def withdraw(key: str) -> sa.Executable:
    """Delete the message of a key, and return its id: of concurrent callers, one gets it."""
    return sa.delete(OutboxRow).where(OutboxRow.key == key).returning(OutboxRow.id)


def find_due(database: Database) -> sa.Executable:
    """Get the id of a message that is due, if there is one. Nothing is locked."""
    due = sa.select(OutboxRow.id).where(STILL_WAITING, OutboxRow.available_at <= database.clock())
    return due.limit(1)


def claim(
    database: Database, lease: timedelta, kinds: tuple[str, ...], abandoned: bool
) -> sa.Executable:
    """Claim at most `most` messages that are due, under `token`, and return them.

    Two workers never claim the same message, and none waits for another.
    """
    due = sa.select(OutboxRow.id)
    # Each of the two conditions is that of an index. Only waiting messages have a claim.
    if abandoned:
        due = due.where(OutboxRow.claim.is_not(None))
    else:
        due = due.where(STILL_WAITING, OutboxRow.claim.is_(None))
    due = due.where(OutboxRow.available_at <= database.clock())
    if kinds:
        due = due.where(OutboxRow.kind.in_(kinds))
    # The order is that of the indexes of waiting messages. In the order of ids, SQLite would scan
    # all settled messages.
    due = due.order_by(OutboxRow.available_at, OutboxRow.id).limit(sa.bindparam("most"))
    # A CTE: PostgreSQL may run a subquery again for every row, and lock other rows each time.
    locked = due.with_for_update(skip_locked=True).cte("due")
    claimed = (
        sa.update(OutboxRow)
        .where(OutboxRow.id.in_(sa.select(locked.c.id)))
        .values(
            claim=sa.bindparam("token"),
            crashes=OutboxRow.crashes + 1,
            available_at=database.clock(lease),
        )
    )
    columns = [getattr(OutboxRow, name).label(name) for name in Message.__struct_fields__]
    return claimed.returning(*columns)


def held(message: Message, **values: object) -> Row:
    """Return the parameters that name a message and its claim, and its new values."""
    row: Row = {"held_id": message.id, "held_claim": message.claim}
    for name, value in values.items():
        row[f"new_{name}"] = value
    return row


def _new(name: str) -> sa.BindParameter[object]:
    # SQLAlchemy reserves the names of columns for its own parameters.
    return sa.bindparam(f"new_{name}", type_=_TABLE.c[name].type)


def change(values: Mapping[str, object]) -> sa.Update:
    """Change a message that its worker still holds. `values`: by the names of their columns."""
    is_held = _has_id() & _has_claim()
    return sa.update(_TABLE).where(is_held).values(values)


def _has_id() -> sa.ColumnElement[bool]:
    return _TABLE.c.id == sa.bindparam("held_id")


def _has_claim() -> sa.ColumnElement[bool]:
    return _TABLE.c.claim == sa.bindparam("held_claim")


def renew(database: Database, lease: timedelta) -> sa.Executable:
    """Start the lease of a message again, if its worker still holds it."""
    return change({"available_at": database.clock(lease)})


@cache
def seal() -> sa.Executable:
    """Store a new `sealed`, `sender` and `key` of a message, if its worker still holds it."""
    return change({name: _new(name) for name in ("sealed", "sender", "key")})


def lock(messages: Collection[Message]) -> sa.Select[Any]:
    """Lock those of the messages that are still held, and return their ids.

    The order is that of every transaction that locks several, so that two cannot deadlock.
    """
    ids = {message.id for message in messages}
    # A claim is a random token of one worker, so no claim of another worker is among these.
    claims = {message.claim for message in messages}
    still_held = sa.select(OutboxRow.id).where(OutboxRow.id.in_(ids), OutboxRow.claim.in_(claims))
    return still_held.order_by(OutboxRow.id).with_for_update()


def note(which: sa.ColumnElement[bool], *event: sa.ColumnElement[Any]) -> sa.Insert:
    """Return an INSERT that notes an event (name, detail, time) of each message that meets a
    condition.

    It also locks these messages.
    """
    noted = sa.select(OutboxRow.id, *event).where(which).with_for_update(of=OutboxRow)
    return sa.insert(EventRow).from_select(["message_id", "event", "detail", "at"], noted)


def move(
    connection: sa.Connection,
    which: sa.ColumnElement[bool],
    event: str,
    detail: str,
    values: Mapping[str, Any],
) -> None:
    """Note an event of the message that meets a condition, if there is one, and change it."""
    at = sa.literal(now(), EventRow.at.type)
    connection.execute(note(which, sa.literal(event), sa.literal(detail), at))
    connection.execute(sa.update(OutboxRow).where(which).values(values))


def _may_end() -> sa.ColumnElement[bool]:
    # Only the holder of a message ends it. But "sent" is true whichever worker reports it.
    becomes_sent = (_new("state") == SENT) & (_TABLE.c.state != SENT)
    return _has_id() & (_has_claim() | becomes_sent)


@cache
def note_end() -> sa.Executable:
    """Note the end of a message in its history, and lock it. It runs before `end`.

    Its parameters are those of `end`.
    """
    detail = sa.func.coalesce(_new("reason"), _new("sender"))
    return note(_may_end(), _new("state"), detail, _new("settled_at"))


@cache
def end() -> sa.Executable:
    """End a message, and erase its mail and its claim. Its parameters are those of `held`, with the
    columns of `_CHANGED_AT_END` and `_KEPT_AT_END`.

    It must not end a message that another worker holds, unless it was sent.
    """
    values: dict[str, Any] = {"sealed": None, "claim": None}
    for name in _CHANGED_AT_END:
        values[name] = _new(name)
    for name in _KEPT_AT_END:
        values[name] = sa.func.coalesce(_new(name), _TABLE.c[name])
    return sa.update(_TABLE).where(_may_end()).values(values)


def end_of_none() -> Row:
    """Return parameters of `note_end` and `end` that match no message."""
    names = (*_CHANGED_AT_END, *_KEPT_AT_END)
    return dict.fromkeys(("held_id", "held_claim", *(f"new_{name}" for name in names)))
