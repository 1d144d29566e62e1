"""Delivery: what happened to each message, the pace of a provider, mailboxes that are left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("keyturn_outbox") as outbox:
        outbox.add_column(sa.Column("faults", sa.Integer, nullable=False, server_default="0"))
        outbox.add_column(sa.Column("sender", sa.String(16)))
        outbox.create_index("ix_keyturn_outbox_provider_id", ["provider_id"])
    with op.batch_alter_table("keyturn_mailboxes") as mailboxes:
        mailboxes.add_column(sa.Column("suppressed_until", _Time))
        mailboxes.add_column(sa.Column("reason", sa.String(32)))
    op.create_table(
        "keyturn_outbox_events",
        sa.Column("id", _Id, primary_key=True),
        sa.Column(
            "message_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("keyturn_outbox.id", name="fk_keyturn_outbox_events_message_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("detail", sa.String(120), nullable=False),
        sa.Column("at", _Time, nullable=False),
        sa.Column("source_id", sa.String(80)),
        sa.UniqueConstraint("source_id", name="uq_keyturn_outbox_events_source_id"),
    )
    op.create_index("ix_keyturn_outbox_events_message_id", "keyturn_outbox_events", ["message_id"])
    op.create_table(
        "keyturn_pace",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("next_at", sa.Double, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("keyturn_pace")
    op.drop_table("keyturn_outbox_events")
    with op.batch_alter_table("keyturn_mailboxes") as mailboxes:
        mailboxes.drop_column("reason")
        mailboxes.drop_column("suppressed_until")
    with op.batch_alter_table("keyturn_outbox") as outbox:
        outbox.drop_index("ix_keyturn_outbox_provider_id")
        outbox.drop_column("sender")
        outbox.drop_column("faults")
