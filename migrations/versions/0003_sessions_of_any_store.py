"""Sessions of accounts that are in whatever store, and so without a foreign key to the built-in one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("keyturn_sessions") as sessions:
        sessions.drop_constraint("fk_keyturn_sessions_account_id", type_="foreignkey")
        sessions.alter_column("account_id", type_=sa.String(255), existing_type=sa.String(36), existing_nullable=False)


def downgrade() -> None:
    op.execute("DELETE FROM keyturn_sessions WHERE account_id NOT IN (SELECT id FROM keyturn_accounts)")
    with op.batch_alter_table("keyturn_sessions") as sessions:
        sessions.alter_column("account_id", type_=sa.String(36), existing_type=sa.String(255), existing_nullable=False)
        sessions.create_foreign_key(
            "fk_keyturn_sessions_account_id", "keyturn_accounts", ["account_id"], ["id"], ondelete="CASCADE"
        )
