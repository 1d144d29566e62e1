"""A second step in the reset: factors, recovery codes, codes by SMS, and how often somebody has tried."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "keyturn_reset_tokens", sa.Column("second_step_tries", sa.Integer, nullable=False, server_default="0")
    )
    op.create_table(
        "keyturn_second_factors",
        sa.Column("account_id", sa.String(255), primary_key=True),
        sa.Column("totp", sa.LargeBinary),
        sa.Column("phone", sa.LargeBinary),
        sa.Column("created_at", _Time, nullable=False),
    )
    op.create_table(
        "keyturn_second_step_tries",
        sa.Column("account_id", sa.String(255), primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("counted_since", _Time, nullable=False),
        sa.Column("totp_step", sa.BigInteger),
    )
    op.create_table(
        "keyturn_recovery_codes",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", sa.String(255), nullable=False),
        sa.Column("created_at", _Time, nullable=False),
        sa.Column("used_at", _Time),
    )
    op.create_index("ix_keyturn_recovery_codes_account_id", "keyturn_recovery_codes", ["account_id"])
    op.create_table(
        "keyturn_sms_codes",
        sa.Column("account_id", sa.String(255), primary_key=True),
        sa.Column("reset_id", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("sent_at", _Time, nullable=False),
        sa.Column("expires_at", _Time, nullable=False),
        sa.Column("used_at", _Time),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("counted_since", _Time, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("keyturn_sms_codes")
    op.drop_table("keyturn_recovery_codes")
    op.drop_table("keyturn_second_step_tries")
    op.drop_table("keyturn_second_factors")
    with op.batch_alter_table("keyturn_reset_tokens") as tokens:
        tokens.drop_column("second_step_tries")
