"""Reports of other systems about hijacked mailboxes are heeded once."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "keyturn_received_signals",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("transmitter", sa.String(20), nullable=False),
        sa.Column("mailbox", sa.LargeBinary(32), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heeded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_keyturn_received_signals"),
    )
    op.create_index("ix_keyturn_received_signals_mailbox", "keyturn_received_signals", ["mailbox"])
    op.create_index("ix_keyturn_received_signals_expires_at", "keyturn_received_signals", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_keyturn_received_signals_expires_at", "keyturn_received_signals")
    op.drop_index("ix_keyturn_received_signals_mailbox", "keyturn_received_signals")
    op.drop_table("keyturn_received_signals")
