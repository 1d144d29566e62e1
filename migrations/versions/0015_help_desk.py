"""The help desk has cases, mailboxes can be blocked, links know the help desk, and the audit trail has notes."""

import sqlalchemy as sa
from alembic import op

from keyturn.database.database import UtcDateTime

revision = "0015"
down_revision = "0014"

_CASES = "keyturn_help_cases"


def upgrade() -> None:
    op.create_table(
        _CASES,
        sa.Column("mailbox", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("approved_by", sa.String(64), nullable=False),
        sa.Column("note", sa.String(1000), nullable=False),
        sa.Column("ready_at", UtcDateTime(), nullable=False),
        sa.Column("stop_digest", sa.LargeBinary(32), nullable=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("code", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
    )
    op.create_index(f"ix_{_CASES}_stop_digest", _CASES, ["stop_digest"])
    op.create_index(f"ix_{_CASES}_touched_at", _CASES, ["touched_at"])
    op.add_column("keyturn_mailboxes", sa.Column("blocked_at", UtcDateTime(), nullable=True))
    op.add_column("keyturn_mailboxes", sa.Column("blocked_for", sa.String(32), nullable=True))
    op.add_column(
        "keyturn_reset_tokens", sa.Column("by_help_desk", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("keyturn_audit", sa.Column("note", sa.String(1000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("keyturn_audit", "note")
    op.drop_column("keyturn_reset_tokens", "by_help_desk")
    op.drop_column("keyturn_mailboxes", "blocked_for")
    op.drop_column("keyturn_mailboxes", "blocked_at")
    op.drop_table(_CASES)
