"""Links that say "it was not me", muted mailboxes, locked accounts, and operators in the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "keyturn_secure_links",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("changed_at", _Time, nullable=False),
        sa.Column("expires_at", _Time, nullable=False),
        sa.Column("used_at", _Time, nullable=True),
    )
    op.create_index("ix_keyturn_secure_links_account_id", "keyturn_secure_links", ["account_id"])
    op.create_index("ix_keyturn_secure_links_expires_at", "keyturn_secure_links", ["expires_at"])
    op.add_column(
        "keyturn_reset_tokens", sa.Column("recovers", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("keyturn_reset_tokens", sa.Column("reason", sa.String(300), nullable=False, server_default=""))
    op.add_column("keyturn_reset_tokens", sa.Column("mute_digest", sa.LargeBinary(32), nullable=True))
    op.add_column("keyturn_reset_tokens", sa.Column("muted_at", _Time, nullable=True))
    op.create_index("ix_keyturn_reset_tokens_mute_digest", "keyturn_reset_tokens", ["mute_digest"])
    op.add_column("keyturn_mailboxes", sa.Column("muted_until", _Time, nullable=True))
    op.add_column("keyturn_accounts", sa.Column("locked_at", _Time, nullable=True))
    op.add_column("keyturn_audit", sa.Column("operator", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("keyturn_audit") as audit:
        audit.drop_column("operator")
    with op.batch_alter_table("keyturn_accounts") as accounts:
        accounts.drop_column("locked_at")
    with op.batch_alter_table("keyturn_mailboxes") as mailboxes:
        mailboxes.drop_column("muted_until")
    with op.batch_alter_table("keyturn_reset_tokens") as links:
        links.drop_index("ix_keyturn_reset_tokens_mute_digest")
        for column in ("muted_at", "mute_digest", "reason", "recovers"):
            links.drop_column(column)
    op.drop_table("keyturn_secure_links")
