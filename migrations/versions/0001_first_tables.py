"""The first tables: outbox, links, mailboxes, audit, and the built-in accounts with their sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.DateTime(timezone=True)
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "keyturn_outbox",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(120)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("available_at", _Time, nullable=False),
        sa.Column("claim", sa.String(32)),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("provider_id", sa.String(120)),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("settled_at", _Time),
        sa.UniqueConstraint("key", name="uq_keyturn_outbox_key"),
    )
    op.create_index(
        "ix_keyturn_outbox_waiting",
        "keyturn_outbox",
        ["available_at", "id"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_keyturn_outbox_settled_at", "keyturn_outbox", ["settled_at"])
    op.create_table(
        "keyturn_reset_tokens",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("ip_address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("expires_at", _Time, nullable=False),
        sa.Column("used_at", _Time),
        sa.Column("revoked_at", _Time),
        sa.UniqueConstraint("digest", name="uq_keyturn_reset_tokens_digest"),
    )
    op.create_index("ix_keyturn_reset_tokens_account_id", "keyturn_reset_tokens", ["account_id", "created_at"])
    op.create_index("ix_keyturn_reset_tokens_expires_at", "keyturn_reset_tokens", ["expires_at"])
    op.create_table(
        "keyturn_mailboxes",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("mailed_at", _Time, nullable=False),
    )
    op.create_table(
        "keyturn_audit",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("at", _Time, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("ip_address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.BigInteger),
    )
    for column in ("at", "account_id", "email"):
        op.create_index(f"ix_keyturn_audit_{column}", "keyturn_audit", [column])
    op.create_table(
        "keyturn_accounts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("locale", sa.String(20), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("password_changed_at", _Time),
        sa.UniqueConstraint("email", name="uq_keyturn_accounts_email"),
    )
    op.create_table(
        "keyturn_sessions",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "account_id",
            sa.String(36),
            sa.ForeignKey("keyturn_accounts.id", name="fk_keyturn_sessions_account_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("expires_at", _Time, nullable=False),
    )
    op.create_index("ix_keyturn_sessions_account_id", "keyturn_sessions", ["account_id"])
    op.create_index("ix_keyturn_sessions_expires_at", "keyturn_sessions", ["expires_at"])


def downgrade() -> None:
    for table in ("sessions", "accounts", "audit", "mailboxes", "reset_tokens", "outbox"):
        op.drop_table(f"keyturn_{table}")
