from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.database import Model


class SecondFactorRow(Model):
    """An account's factors if Keyturn keeps them: its TOTP seed and its phone, each of them sealed.

    `totp_since`, `phone_since`: since when the account has had such a factor without a break.
    """

    __tablename__ = "keyturn_second_factors"

    account_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    totp: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_since: Mapped[datetime | None]
    phone_since: Mapped[datetime | None]


class SecondStepTriesRow(Model):
    """The number of tries for an account since `counted_since`, and the last TOTP step that was taken."""

    __tablename__ = "keyturn_second_step_tries"

    account_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    tries: Mapped[int]
    counted_since: Mapped[datetime]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)


class SmsCodeRow(Model):
    """The last code that was sent to an account's phone, for one reset or for signing in. The row holds only its HMAC.

    `messages`: messages to the account since `counted_since`.
    """

    __tablename__ = "keyturn_sms_codes"

    account_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    reset_id: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    messages: Mapped[int]
    counted_since: Mapped[datetime]
