"""Processes that share a PostgreSQL can count their rate limits in it."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    is_postgresql = context.get_context().dialect.name == "postgresql"
    op.create_table(
        "keyturn_rate_windows",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("moments", sa.Text().with_variant(ARRAY(sa.Double), "postgresql"), nullable=False),
        sa.Column("newest", sa.Integer, nullable=False),
        sa.Column("taken", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        # Counts are worth no log: after a crash of the server the table is empty, and limits begin anew.
        prefixes=["UNLOGGED"] if is_postgresql else [],
    )
    if is_postgresql:
        # Space for the next version of a row beside it lets an update leave the indexes alone.
        op.execute("ALTER TABLE keyturn_rate_windows SET (fillfactor = 50)")
    op.create_index("ix_keyturn_rate_windows_expires_at", "keyturn_rate_windows", ["expires_at"])
    op.create_table(
        "keyturn_limits",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("tat", sa.Double, nullable=False),
        prefixes=["UNLOGGED"] if is_postgresql else [],
    )
    if is_postgresql:
        op.execute("ALTER TABLE keyturn_limits SET (fillfactor = 50)")


def downgrade() -> None:
    op.drop_table("keyturn_rate_windows")
    op.drop_table("keyturn_limits")
