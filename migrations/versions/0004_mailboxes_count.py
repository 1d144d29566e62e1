"""Mailboxes count the mails of a day."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("keyturn_mailboxes", sa.Column("mails", sa.Integer, nullable=False, server_default="0"))
    op.add_column("keyturn_mailboxes", sa.Column("counted_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("keyturn_mailboxes") as mailboxes:
        mailboxes.drop_column("counted_since")
        mailboxes.drop_column("mails")
