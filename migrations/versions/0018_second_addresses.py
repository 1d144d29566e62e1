"""Accounts may have a second address, to which a link goes if their own cannot be read any more."""

import sqlalchemy as sa
from alembic import op

from keyturn.database.database import UtcDateTime

revision = "0018"
down_revision = "0017"

_TABLE = "keyturn_second_addresses"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("account_id", sa.String(255), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("primary_email", sa.String(254), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=True),
        sa.Column("usable_at", UtcDateTime(), nullable=True),
        sa.Column("pending", sa.String(254), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=True, unique=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("counted_since", UtcDateTime(), nullable=True),
    )
    op.add_column("keyturn_reset_tokens", sa.Column("second", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("keyturn_reset_tokens", "second")
    op.drop_table(_TABLE)
