"""An index of the messages that wait by their kind, so that a lane finds its own behind any number of others."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_index(
        "ix_keyturn_outbox_waiting_by_kind",
        "keyturn_outbox",
        ["kind", "available_at"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def downgrade() -> None:
    op.drop_index("ix_keyturn_outbox_waiting_by_kind", "keyturn_outbox")
