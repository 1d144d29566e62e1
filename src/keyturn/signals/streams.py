"""The streams of receivers: what the settings say of each, and what the receiver has chosen."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Database, Model, Store
from keyturn.database.statements import insert_into
from keyturn.errors import Fault
from keyturn.outbox import Seal
from keyturn.outbox.message import SealBroken
from keyturn.outbox.models import STILL_WAITING, OutboxRow
from keyturn.problems.requests import InputInvalid
from keyturn.settings import SignalReceiver, SignalSettings, SignalType
from keyturn.signals.events import TYPES
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.signals")

PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"

Status = Literal["enabled", "paused", "disabled"]

VERIFICATION_INTERVAL = timedelta(seconds=30)
"""Between two requests for verification, so that a receiver cannot fill the outbox."""

_LONGEST_DESCRIPTION, _LONGEST_REASON, _LONGEST_HEADER = 200, 200, 2_000


class StreamDelivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """How events are delivered (SSF 1.0, 6.1). `endpoint_url`: the receiver's, for a push."""

    method: str
    endpoint_url: str = ""
    authorization_header: str = ""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receiver supplies (SSF 1.0, 8.1.1). None of `events_requested` is all of them."""

    events_requested: tuple[str, ...] | None = None
    delivery: StreamDelivery = StreamDelivery(POLL)
    description: str = ""


class StreamRow(Model):
    """The stream of a receiver that has made it, or has changed its status.

    `choice`: an encrypted `Choice`; NULL if the stream is the settings'.
    `verified_at`: when the receiver last asked for a verification.
    """

    __tablename__ = "keyturn_signal_streams"

    receiver: Mapped[str] = mapped_column(String(24), primary_key=True)
    stream_id: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200))
    choice: Mapped[bytes | None] = mapped_column(LargeBinary)
    verified_at: Mapped[datetime | None]


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as it is. `is_fixed`: made by the settings, so that the receiver can only pause it."""

    id: str
    receiver: str
    status: Status = "enabled"
    reason: str = ""
    choice: Choice
    offered: Sequence[SignalType]
    is_fixed: bool = False

    @property
    def delivered(self) -> Sequence[SignalType]:
        wanted = self.choice.events_requested
        return [name for name in self.offered if wanted is None or TYPES[name] in wanted]

    @property
    def pushes(self) -> bool:
        return self.choice.delivery.method == PUSH

    @property
    def sends(self) -> bool:
        """Whether its events are pushed now."""
        return self.pushes and self.status == "enabled"


def kind_of(receiver: str) -> str:
    """Return the kind of the messages for a receiver."""
    return f"signal_{receiver}"


class Streams(Store):
    """Reads and changes the streams. `issuer` names Keyturn; with it, a stream of the settings has the same id always.

    Each change moves the events that wait to when they are due. Writers of events lock the streams that they read, so
    an event is either moved by a change or written after it.
    """

    def __init__(self, database: Database, settings: SignalSettings, issuer: str, seal: Seal) -> None:
        self._database = database
        self._settings = settings
        self._issuer = issuer
        self._seal = seal

    def read(self) -> Mapping[str, Stream]:
        """Return the streams by their receivers, and keep others from changing them, in the caller's transaction."""
        rows = self.connection.execute(sa.select(*StreamRow.__table__.c).with_for_update(read=True)).mappings()
        return self._streams({row["receiver"]: row for row in rows})

    async def of(self, receiver: str) -> Stream | None:
        return self._stream(receiver, await self._row(receiver))

    async def _row(self, receiver: str) -> sa.RowMapping | None:
        rows = await self._database.fetch(sa.select(*StreamRow.__table__.c).where(StreamRow.receiver == receiver))
        return rows[0] if rows else None

    def _streams(self, rows: Mapping[str, sa.RowMapping]) -> Mapping[str, Stream]:
        streams = {name: self._stream(name, rows.get(name)) for name in self._settings.receivers}
        return {name: stream for name, stream in streams.items() if stream}

    def _stream(self, name: str, row: sa.RowMapping | None) -> Stream | None:
        receiver = self._settings.receivers[name]
        is_fixed = receiver.stream != "api"
        if is_fixed:
            method = PUSH if receiver.push_to else POLL
            choice = Choice(delivery=StreamDelivery(method, receiver.push_to, receiver.authorization))
        elif not row or not row["choice"]:
            return None
        else:
            try:
                choice = msgspec.json.decode(self._seal.open(row["choice"]), type=Choice)
                # The operator may have changed push_to since, because that host is trusted no more.
                require_choice(choice, receiver)
            except (SealBroken, InputInvalid) as error:  # the change of a password must not fail for it
                log.error(LogEvent("signals.stream_unreadable", receiver=name, reason=error))
                return None
        fixed_id = sha256(f"{self._issuer} {name}".encode()).hexdigest()[:32]
        state = {"status": row["status"], "reason": row["reason"]} if row else {}
        return Stream(
            id=fixed_id if is_fixed or not row else row["stream_id"],
            receiver=name,
            choice=choice,
            offered=receiver.events,
            is_fixed=is_fixed,
            **state,
        )

    async def create(self, receiver: str, choice: Choice) -> bool:
        """Make the receiver's stream; return whether it had none."""
        before = await self._row(receiver)
        if self._stream(receiver, before):
            return False
        sealed = self._sealed(receiver, choice)
        row = {"receiver": receiver, "stream_id": os.urandom(16).hex(), "status": "enabled", "reason": ""}
        new = insert_into(StreamRow, self._database.dialect).values(**row, choice=sealed)
        # A row without a choice is left from a stream of the settings, and an unreadable choice from a lost key.
        is_free = StreamRow.choice.is_(None) | (StreamRow.choice == (before["choice"] if before else None))
        statement = new.on_conflict_do_update(
            index_elements=[StreamRow.receiver],
            set_={**row, "choice": sealed},
            where=is_free,
        )
        return bool(await self._database.execute(statement.returning(StreamRow.receiver)))

    async def change(self, stream: Stream, choice: Choice) -> None:
        """Replace what the receiver supplies."""
        sealed = self._sealed(stream.receiver, choice)
        await self._update(msgspec.structs.replace(stream, choice=choice), choice=sealed)

    async def set_status(self, stream: Stream, status: Status, reason: str) -> Stream:
        """Pause, disable or enable the stream; return it."""
        reason = "".join(filter(str.isprintable, reason))[:_LONGEST_REASON]
        changed = msgspec.structs.replace(stream, status=status, reason=reason)
        await self._update(changed, status=status, reason=reason)
        return changed

    async def delete(self, stream: Stream) -> None:
        """Delete the stream. The worker drops the events that wait."""
        gone = sa.delete(StreamRow).where(StreamRow.receiver == stream.receiver, StreamRow.stream_id == stream.id)

        def write(connection: sa.Connection) -> None:
            connection.execute(gone)
            connection.execute(self._moved(stream.receiver, timedelta(0)))

        await self._database.transact(write)

    async def may_verify(self, stream: Stream, moment: datetime) -> bool:
        """Note that the receiver asks for a verification; return whether its last request is long enough ago."""
        asked = self._row_of(stream).on_conflict_do_update(
            index_elements=[StreamRow.receiver],
            set_={"verified_at": moment},
            where=StreamRow.verified_at.is_(None) | (StreamRow.verified_at <= moment - VERIFICATION_INTERVAL),
        )
        return bool(await self._database.execute(asked.values(verified_at=moment).returning(StreamRow.receiver)))

    async def seal_again(self) -> None:
        """Encrypt all choices with the newest key. One that no key opens stays, as its receiver has to choose again."""

        def write(connection: sa.Connection) -> None:
            for name, sealed in connection.execute(_CHOICES.with_for_update()).all():
                with contextlib.suppress(SealBroken):
                    values = {"choice": self._seal.close(self._seal.open(sealed or b""))}
                    connection.execute(sa.update(StreamRow).where(StreamRow.receiver == name).values(values))

        await self._database.transact(write)

    async def _update(self, stream: Stream, **values: object) -> None:
        later = timedelta(0) if stream.sends or stream.status == "disabled" else self._settings.hold
        written = self._row_of(stream).on_conflict_do_update(index_elements=[StreamRow.receiver], set_=values)

        def write(connection: sa.Connection) -> None:
            connection.execute(written)
            connection.execute(self._moved(stream.receiver, later))

        await self._database.transact(write)

    def _row_of(self, stream: Stream) -> "sa.dialects.sqlite.Insert | sa.dialects.postgresql.Insert":
        row = {"receiver": stream.receiver, "stream_id": stream.id, "status": stream.status, "reason": stream.reason}
        return insert_into(StreamRow, self._database.dialect).values(row)

    def _moved(self, receiver: str, later: timedelta) -> sa.Executable:
        waiting = sa.select(OutboxRow.id).where(
            STILL_WAITING, OutboxRow.kind == kind_of(receiver), OutboxRow.claim.is_(None)
        )
        # In the order of their ids, as in every statement that locks several: two transactions cannot deadlock.
        held = waiting.order_by(OutboxRow.id).with_for_update().cte("held")
        moved = sa.update(OutboxRow).where(OutboxRow.id.in_(sa.select(held.c.id)))
        return moved.values(available_at=self._database.clock(later))

    def _sealed(self, receiver: str, choice: Choice) -> bytes:
        require_choice(choice, self._settings.receivers[receiver])
        return self._seal.close(msgspec.json.encode(choice))


_CHOICES = sa.select(StreamRow.receiver, StreamRow.choice).where(StreamRow.choice.is_not(None))


async def streams_sealed_otherwise(database: Database, seal: Seal) -> int:
    """Return how many receivers' choices the seal cannot open. Raises DatabaseUnready."""
    others = 0
    for row in await database.fetch(_CHOICES):
        try:
            seal.open(row["choice"])
        except SealBroken:
            others += 1
    return others


def require_choice(choice: Choice, receiver: SignalReceiver) -> None:
    """Raise InputInvalid for what a receiver may not choose."""
    delivery, faults = choice.delivery, []
    if delivery.method not in {PUSH, POLL}:
        faults.append(Fault("delivery.method", f"must be {PUSH} or {POLL}"))
    if delivery.method == PUSH and not _is_allowed(delivery.endpoint_url, receiver.push_to):
        faults.append(Fault("delivery.endpoint_url", "is not at an origin that the operator allows"))
    header = delivery.authorization_header
    if len(header) > _LONGEST_HEADER or not (header.isascii() and header.isprintable()):
        faults.append(Fault("delivery.authorization_header", "is too long, or contains a character that it may not"))
    if len(choice.description) > _LONGEST_DESCRIPTION:
        faults.append(Fault("description", f"must have at most {_LONGEST_DESCRIPTION} characters"))
    if faults:
        raise InputInvalid(*faults)


def _is_allowed(url: str, push_to: str) -> bool:
    """Tell whether the receiver may have events pushed to `url`: an address of the same origin as the settings'."""
    try:
        wanted, allowed = urlsplit(url), urlsplit(push_to)
        wanted_port, allowed_port = wanted.port, allowed.port
    except ValueError:
        return False
    same = (wanted.scheme, wanted.hostname, wanted_port) == (allowed.scheme, allowed.hostname, allowed_port)
    return bool(push_to) and same and wanted.username is None and url.isascii() and url.isprintable()
