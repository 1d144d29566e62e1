"""Server-side sessions: the cookie holds 32 random bytes, the table their SHA-256."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import bindparam, delete, insert, select

from keyturn.accounts.builtin import SessionRow
from keyturn.database import Database, Store, now


class Sessions(Store):
    """Opens, finds and ends sessions. They end at a fixed time, on sign-out, and with every change of the password."""

    def __init__(self, database: Database, ttl: timedelta) -> None:
        self._database = database
        self.ttl = ttl

    def start(self, account_id: str, token: str) -> None:
        """Open a session under `token`, which must be fresh (ASVS 7.2.4), in the caller's transaction."""
        moment = now()
        row = {
            "digest": _digest(token),
            "account_id": account_id,
            "created_at": moment,
            "expires_at": moment + self.ttl,
        }
        self.connection.execute(insert(SessionRow).values(**row))

    def is_open(self, token: str) -> bool:
        """Return whether the session is still open, in the caller's transaction."""
        open_one = select(SessionRow.digest).where(SessionRow.digest == _digest(token), SessionRow.expires_at > now())
        return self.connection.execute(open_one).first() is not None

    async def account_id(self, token: str) -> str | None:
        """Return the session's account; None if the session does not exist or has ended."""
        statement = select(SessionRow.account_id).where(
            SessionRow.digest == _digest(token), SessionRow.expires_at > now()
        )
        rows = await self._database.fetch(statement)
        return str(rows[0]["account_id"]) if rows else None

    async def end(self, token: str) -> None:
        await self._database.execute(delete(SessionRow).where(SessionRow.digest == _digest(token)))

    def end_all(self, account_id: str) -> None:
        """End every session of the account, in the caller's transaction (OWASP ASVS 7.4.3)."""
        self.connection.execute(_ENDED, {"of_account": account_id})


_ENDED = delete(SessionRow).where(SessionRow.account_id == bindparam("of_account"))


def _digest(token: str) -> bytes:
    # A random 256-bit value needs no slow hash: it cannot be guessed (NIST SP 800-63B 5.1).
    return sha256(token.encode()).digest()
