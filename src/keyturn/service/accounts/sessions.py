"""Server-side sessions: the cookie holds 32 random bytes, the table their SHA-256."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from keyturn.service.clock import now
from keyturn.service.database import Database, Model, Store

SESSION_LIFE = timedelta(hours=12)
"""A session ends after this time, even if it is in use (ASVS 7.3.2)."""


class SessionRow(Model):
    """A signed-in browser, for an account of any store.

    Only the SHA-256 of the cookie's value is stored.
    """

    __tablename__ = "keyturn_sessions"

    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(sa.String(255), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Sessions(Store):
    """Sessions. They end at a fixed time, on sign-out, and with every change of the password."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, account_id: str, token: str) -> None:
        """Open a session under `token`, which must be fresh (ASVS 7.2.4), in the caller's
        transaction.
        """
        moment = now()
        started = sa.insert(SessionRow).values(
            digest=_digest_of(token),
            account_id=account_id,
            created_at=moment,
            expires_at=moment + SESSION_LIFE,
        )
        self.connection.execute(started)

    def is_open(self, token: str) -> bool:
        return self.connection.execute(_open_session(token)).first() is not None

    async def account_id(self, token: str) -> str | None:
        """Return the session's account; None if the session does not exist or has ended."""
        rows = await self._database.fetch(_open_session(token))
        return str(rows[0]["account_id"]) if rows else None

    async def end(self, token: str) -> None:
        await self._database.execute(
            sa.delete(SessionRow).where(SessionRow.digest == _digest_of(token))
        )

    def end_all(self, account_id: str) -> None:
        """End every session of the account, in the caller's transaction (OWASP ASVS 7.4.3)."""
        self.connection.execute(sa.delete(SessionRow).where(SessionRow.account_id == account_id))


def _open_session(token: str) -> sa.Select[Any]:
    return sa.select(SessionRow.account_id).where(
        SessionRow.digest == _digest_of(token), SessionRow.expires_at > now()
    )


def _digest_of(token: str) -> bytes:
    # A random 256-bit value needs no slow hash: it cannot be guessed (NIST SP 800-63B 5.1).
    return sha256(token.encode()).digest()
