"""The audit trail has notes."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("keyturn_audit", sa.Column("note", sa.String(1000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("keyturn_audit", "note")
