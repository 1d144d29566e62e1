"""Receivers of shared signals have streams."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "keyturn_signal_streams",
        sa.Column("receiver", sa.String(24), nullable=False),
        sa.Column("stream_id", sa.String(32), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("choice", sa.LargeBinary(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("receiver", name="pk_keyturn_signal_streams"),
    )


def downgrade() -> None:
    op.drop_table("keyturn_signal_streams")
