"""The audit trail has notes, and mailboxes can be blocked."""

import sqlalchemy as sa
from alembic import op

from keyturn.database.database import UtcDateTime

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("keyturn_mailboxes", sa.Column("blocked_at", UtcDateTime(), nullable=True))
    op.add_column("keyturn_mailboxes", sa.Column("blocked_for", sa.String(32), nullable=True))
    op.add_column("keyturn_audit", sa.Column("note", sa.String(1000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("keyturn_audit", "note")
    op.drop_column("keyturn_mailboxes", "blocked_for")
    op.drop_column("keyturn_mailboxes", "blocked_at")
