"""Where each message is, for those who look after it: its own state, and what the provider has reported since."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, case, func, or_, select

from keyturn.database import Database
from keyturn.errors import KeyturnError
from keyturn.outbox.models import DEAD, DROPPED, ERASED, SENT, WAITING, EventRow, OutboxRow

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
"""What a provider's events mean for a mail, the weightiest last: reports come in any order, and that one counts."""

STATES = (WAITING, SENT, *dict.fromkeys(_MEANINGS.values()), DROPPED, DEAD)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Shows a message as far as it may be shown: neither mail nor link nor key.

    `under_way` is with a worker at this moment.

    `payload` holds whose mail it is, until that is erased.
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
    """There is no message of that id."""

    def __init__(self, message_id: int) -> None:
        super().__init__(f"there is no message {message_id}")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Chooses messages by what `Item` shows. `about`: members of a payload, of which one is enough."""

    id: int | None = None
    state: str = ""
    about: Mapping[str, str] | None = None
    since: datetime | None = None
    most: int | None = 50


async def read(database: Database, wanted: Wanted, moment: datetime) -> Sequence[Item]:
    """Return the newest messages, newest first."""
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
    """Return the state of a message, to be selected with its row: its own, until a provider has said more.

    It is derived whenever it is read, so that a report that comes late moves nothing back.
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
    # One that waits is tried again, whatever was said of an earlier try.
    return case((OutboxRow.state == WAITING, OutboxRow.state), else_=func.coalesce(reported, OutboxRow.state))


def _payload_has(name: str, text: str) -> ColumnElement[bool]:
    """Tell whether the payload has that member; nothing within a JSON string can look like one, for its quotes."""
    member = msgspec.json.encode({name: text})[1:-1].decode()
    return OutboxRow.payload.contains(member, autoescape=True)
