"""Built-in accounts have passkeys, and a reset gives the right to create one."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_PASSKEYS, _RIGHTS = "keyturn_passkeys", "keyturn_passkey_rights"


def upgrade() -> None:
    op.create_table(
        _PASSKEYS,
        sa.Column("credential", sa.LargeBinary(1023), nullable=False),
        sa.Column("account", sa.String(36), nullable=False),
        sa.Column("public_key", sa.LargeBinary(2048), nullable=False),
        sa.Column("handle", sa.LargeBinary(64), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("transports", sa.String(200), nullable=False),
        sa.Column("aaguid", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("credential", name="pk_keyturn_passkeys"),
    )
    op.create_index("ix_keyturn_passkeys_account", _PASSKEYS, ["account"])
    op.create_table(
        _RIGHTS,
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_keyturn_passkey_rights"),
    )
    op.create_index("ix_keyturn_passkey_rights_account_id", _RIGHTS, ["account_id"])
    op.create_index("ix_keyturn_passkey_rights_expires_at", _RIGHTS, ["expires_at"])


def downgrade() -> None:
    op.drop_table(_RIGHTS)
    op.drop_table(_PASSKEYS)
