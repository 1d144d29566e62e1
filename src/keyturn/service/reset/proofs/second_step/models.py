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
