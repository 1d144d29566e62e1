"""Links know whether an operator asked for them, since such a reset ends more."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "keyturn_reset_tokens", sa.Column("by_operator", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("keyturn_reset_tokens", "by_operator")
