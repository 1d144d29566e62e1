"""Accounts in whatever store: sessions without a foreign key to the built-in one, and turns at changing a password."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("keyturn_sessions") as sessions:
        sessions.drop_constraint("fk_keyturn_sessions_account_id", type_="foreignkey")
        sessions.alter_column("account_id", type_=sa.String(255), existing_type=sa.String(36), existing_nullable=False)
    op.create_table(
        "keyturn_turns",
        sa.Column("account_id", sa.String(255), primary_key=True),
        sa.Column("claim", sa.String(32), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("claim", name="uq_keyturn_turns_claim"),
    )


def downgrade() -> None:
    op.drop_table("keyturn_turns")
    op.execute("DELETE FROM keyturn_sessions WHERE account_id NOT IN (SELECT id FROM keyturn_accounts)")
    with op.batch_alter_table("keyturn_sessions") as sessions:
        sessions.alter_column("account_id", type_=sa.String(36), existing_type=sa.String(255), existing_nullable=False)
        sessions.create_foreign_key(
            "fk_keyturn_sessions_account_id", "keyturn_accounts", ["account_id"], ["id"], ondelete="CASCADE"
        )
