"""The first tables: outbox and its events, links and codes, limits, audit, second steps, built-in
accounts.

Numbers below this one are those of databases from before the first release, which no version brings
on.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0101"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.DateTime(timezone=True)
_WAITING = sa.text("state = 'waiting'")
_CLAIMED = sa.text("claim IS NOT NULL")
_NOT_ERASED = sa.text("settled_at IS NOT NULL AND payload != '{}'")


def upgrade() -> None:
    _outbox()
    _secrets()
    _limits()
    _audit()
    _accounts()


def _outbox() -> None:
    op.create_table(
        "keyturn_outbox",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(48), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(120)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("faults", sa.Integer, nullable=False, server_default="0"),
        sa.Column("available_at", _Time, nullable=False),
        sa.Column("claim", sa.String(32)),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("sender", sa.String(16)),
        sa.Column("provider_id", sa.String(120)),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("settled_at", _Time),
        sa.UniqueConstraint("key", name="uq_keyturn_outbox_key"),
        sqlite_autoincrement=True,
    )
    _index("outbox", "settled_at")
    _index("outbox", "provider_id")
    _partial_index("outbox", "waiting", ["available_at", "id"], _WAITING)
    _partial_index("outbox", "waiting_by_kind", ["kind", "available_at"], _WAITING)
    _partial_index("outbox", "claimed", ["available_at", "id"], _CLAIMED)
    _partial_index("outbox", "not_erased", ["settled_at"], _NOT_ERASED)
    op.create_table(
        "keyturn_outbox_events",
        sa.Column("id", _Id, primary_key=True),
        sa.Column(
            "message_id",
            _Id,
            sa.ForeignKey(
                "keyturn_outbox.id", name="fk_keyturn_outbox_events_message_id", ondelete="CASCADE"
            ),
            nullable=False,
        ),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("detail", sa.String(120), nullable=False),
        sa.Column("at", _Time, nullable=False),
        sa.Column("source_id", sa.String(80)),
        sa.UniqueConstraint("source_id", name="uq_keyturn_outbox_events_source_id"),
    )
    _index("outbox_events", "message_id")


def _secrets() -> None:
    op.create_table(
        "keyturn_secrets",
        sa.Column("purpose", sa.String(16), primary_key=True),
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("proof", sa.LargeBinary(32)),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("mailbox", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("expires_at", _Time, nullable=False),
        sa.Column("used_at", _Time),
        sa.Column("revoked_at", _Time),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("ix_keyturn_secrets_account_id", "keyturn_secrets", ["account_id", "purpose"])
    op.create_index("ix_keyturn_secrets_expires_at", "keyturn_secrets", ["purpose", "expires_at"])


def _limits() -> None:
    # Logged: a crash of the server must not give back the tries of second steps, and the mails of a
    # mailbox.
    op.create_table(
        "keyturn_limits",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("tat", sa.Double, nullable=False),
    )
    if context.get_context().dialect.name == "postgresql":
        # Space for the next version of a row beside it lets an update leave the index alone.
        op.execute("ALTER TABLE keyturn_limits SET (fillfactor = 50)")


def _audit() -> None:
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
        sa.Column("operator", sa.String(64), nullable=False, server_default=""),
        sa.Column("note", sa.String(1000), nullable=False, server_default=""),
    )
    for column in ("at", "account_id", "email"):
        _index("audit", column)


def _accounts() -> None:
    op.create_table(
        "keyturn_accounts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("locale", sa.String(20), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False, server_default=""),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("locked_at", _Time),
        sa.UniqueConstraint("email", name="uq_keyturn_accounts_email"),
    )
    op.create_table(
        "keyturn_sessions",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("expires_at", _Time, nullable=False),
    )
    _index("sessions", "account_id")
    _index("sessions", "expires_at")


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_keyturn_{table}_{column}", f"keyturn_{table}", [column])


def _partial_index(table: str, name: str, columns: list[str], condition: sa.TextClause) -> None:
    op.create_index(
        f"ix_keyturn_{table}_{name}",
        f"keyturn_{table}",
        columns,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def downgrade() -> None:
    for table in (
        "sessions",
        "accounts",
        "audit",
        "limits",
        "secrets",
        "outbox_events",
        "outbox",
    ):
        op.drop_table(f"keyturn_{table}")
