"""Sessions know their browser, and the audit trail lists an account's last entries by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

CONTRACTS = "no process names an index, and the new one begins with the column of the old one"


def upgrade() -> None:
    op.add_column("keyturn_sessions", sa.Column("user_agent", sa.String(300), nullable=False, server_default=""))
    op.create_index("ix_keyturn_audit_account_id_id", "keyturn_audit", ["account_id", "id"])
    op.drop_index("ix_keyturn_audit_account_id", "keyturn_audit")


def downgrade() -> None:
    op.create_index("ix_keyturn_audit_account_id", "keyturn_audit", ["account_id"])
    op.drop_index("ix_keyturn_audit_account_id_id", "keyturn_audit")
    op.drop_column("keyturn_sessions", "user_agent")
