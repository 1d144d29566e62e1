from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.database import Model


class AccountRow(Model):
    """An account of the built-in store. `email` is in the form of `addresses.parse`.

    It is locked from `locked_at` on: its owner said that a change of its password was somebody else's.
    """

    __tablename__ = "keyturn_accounts"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    provider: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(40))
    locale: Mapped[str] = mapped_column(String(20))
    timezone: Mapped[str] = mapped_column(String(64), server_default="")
    active: Mapped[bool]
    created_at: Mapped[datetime]
    password_changed_at: Mapped[datetime | None]
    locked_at: Mapped[datetime | None]


class SessionRow(Model):
    """A signed-in browser, of an account in whatever store. The cookie's value is not here, only its SHA-256."""

    __tablename__ = "keyturn_sessions"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(255), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
