"""Codes beside links, and the answers to challenges that were taken."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "keyturn_reset_codes",
        sa.Column("mailbox", sa.LargeBinary(32), primary_key=True),
        sa.Column("code", sa.LargeBinary(32), nullable=False),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_keyturn_reset_codes_account_id", "keyturn_reset_codes", ["account_id"])
    op.create_index("ix_keyturn_reset_codes_touched_at", "keyturn_reset_codes", ["touched_at"])
    op.create_table(
        "keyturn_spent_answers",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_keyturn_spent_answers_expires_at", "keyturn_spent_answers", ["expires_at"])


def downgrade() -> None:
    op.drop_table("keyturn_spent_answers")
    op.drop_table("keyturn_reset_codes")
