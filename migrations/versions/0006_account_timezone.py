"""The time zone in which an account of the built-in store is told times."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("keyturn_accounts", sa.Column("timezone", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("keyturn_accounts", "timezone")
