"""An index of the settled messages whose address was not erased yet, which every purge asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NOT_ERASED = sa.text("settled_at IS NOT NULL AND payload != '{}'")


def upgrade() -> None:
    op.create_index(
        "ix_keyturn_outbox_not_erased",
        "keyturn_outbox",
        ["settled_at"],
        sqlite_where=_NOT_ERASED,
        postgresql_where=_NOT_ERASED,
    )


def downgrade() -> None:
    op.drop_index("ix_keyturn_outbox_not_erased", "keyturn_outbox")
