"""Links know the address to which their request asks to return after the reset."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("keyturn_reset_tokens", sa.Column("return_to", sa.String(1000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("keyturn_reset_tokens", "return_to")
