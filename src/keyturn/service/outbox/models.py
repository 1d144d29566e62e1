"""The tables of the outbox: its messages, and their events."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.database import Model

WAITING = "waiting"
SENT = "sent"
DROPPED = "dropped"
DEAD = "dead"

ERASED = "{}"
"""A settled message's payload after its address was erased."""

LONGEST_REASON = 120
"""Characters of a reason and of a provider's id."""

STILL_WAITING = text("state = 'waiting'")
"""The condition of an index, as text: the planner uses the index only if a statement repeats the
condition, and with a parameter, the state could be any.
"""
_Id = BigInteger().with_variant(Integer, "sqlite")


class OutboxRow(Model):
    """A message, kept until it is settled and purged.

    `key`: the idempotency key of each try.
    `attempts`: claims that ended in a foreseen way.
    `crashes`: claims since then, which identify a message that kills workers.
    `available_at`: when it may be claimed: now, after a back-off, or when the lease of its `claim`
    ends.
    `sealed`: the encrypted mail.
    `sender`: the provider that has the mail or may have it.
    `provider_id`: the provider's id of it.
    """

    __tablename__ = "keyturn_outbox"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(48))
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(LONGEST_REASON))
    attempts: Mapped[int]
    crashes: Mapped[int] = mapped_column("faults", default=0)  # its name in released tables
    available_at: Mapped[datetime]
    claim: Mapped[str | None] = mapped_column(String(32))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender: Mapped[str | None] = mapped_column(String(16))
    provider_id: Mapped[str | None] = mapped_column(String(LONGEST_REASON), index=True)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    # Four of these indexes hold only waiting messages, claimed ones, or rows that are not erased.
    # The migrations have those conditions: here, they would load the dialect of PostgreSQL and all
    # drivers in a service on SQLite.
    __table_args__ = (
        Index("ix_keyturn_outbox_waiting", "available_at", "id"),
        Index("ix_keyturn_outbox_waiting_by_kind", "kind", "available_at"),
        Index("ix_keyturn_outbox_claimed", "available_at", "id"),
        Index("ix_keyturn_outbox_settled_at", "settled_at"),
        Index("ix_keyturn_outbox_not_erased", "settled_at"),
        # The audit trail names messages by their ids for longer than they are kept.
        {"sqlite_autoincrement": True},
    )


class EventRow(Model):
    """An event of a message: a try, an operator's action, or a provider's report.

    `source_id`: the provider's id of its report, so that a repeated report is stored once.
    """

    __tablename__ = "keyturn_outbox_events"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    message_id: Mapped[int] = mapped_column(
        ForeignKey(
            "keyturn_outbox.id", name="fk_keyturn_outbox_events_message_id", ondelete="CASCADE"
        ),
        index=True,
    )
    event: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(LONGEST_REASON))
    at: Mapped[datetime]
    source_id: Mapped[str | None] = mapped_column(String(80), unique=True)
