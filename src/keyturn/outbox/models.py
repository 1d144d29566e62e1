from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Model

WAITING, SENT, DROPPED, DEAD = "waiting", "sent", "dropped", "dead"

ERASED = "{}"
"""What stands in a settled message's payload once its address was taken out."""

STILL_WAITING = text("state = 'waiting'")
"""The condition of an index, which is used where a statement says the same: a parameter could be any state."""
_Id = BigInteger().with_variant(Integer, "sqlite")


class OutboxRow(Model):
    """Keeps a message until it is settled.

    `available_at` is when it may be claimed next: now, after a back-off, or when the lease of its claim ends.

    `key` is the idempotency key under which a provider sees every try. `claim` names the claim that holds the row,
    so that a worker whose lease ran out decides nothing any more. `sealed` is erased when the row is settled.
    `attempts` counts the claims that came to an end that was foreseen, `crashes` those since the last of them: a
    message that ends its workers is known by it. `sender` names the transport that has the mail or may have it,
    `provider_id` is its name there.
    """

    __tablename__ = "keyturn_outbox"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(120))
    attempts: Mapped[int]
    crashes: Mapped[int] = mapped_column("faults", default=0)
    available_at: Mapped[datetime]
    claim: Mapped[str | None] = mapped_column(String(32))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender: Mapped[str | None] = mapped_column(String(16))
    provider_id: Mapped[str | None] = mapped_column(String(120), index=True)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    # The first two and the last hold only what waits, and what is not erased. Their migrations say so: a condition that
    # is named here for PostgreSQL loads its dialect with all drivers, which a service on SQLite would do without.
    __table_args__ = (
        Index("ix_keyturn_outbox_waiting", "available_at", "id"),
        Index("ix_keyturn_outbox_waiting_by_kind", "kind", "available_at"),
        Index("ix_keyturn_outbox_settled_at", "settled_at"),
        Index("ix_keyturn_outbox_not_erased", "settled_at"),
    )


class EventRow(Model):
    """What happened to a message: our own tries, and what the provider reports later, in any order and repeatedly.

    `source_id` is the provider's id of its report, by which a repeated one is known.
    """

    __tablename__ = "keyturn_outbox_events"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("keyturn_outbox.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]
    source_id: Mapped[str | None] = mapped_column(String(80), unique=True)
