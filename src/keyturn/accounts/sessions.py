"""Server-side sessions of the built-in store: the cookie holds 32 random bytes, the table their SHA-256."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.models import AccountRow, SessionRow
from keyturn.database import Database, now


class Sessions:
    """Sessions end at a fixed time, on sign-out, and with every change of the password."""

    def __init__(self, database: Database, ttl: timedelta) -> None:
        self._database = database
        self.ttl = ttl

    async def start(self, session: AsyncSession, account_id: str, token: str, password_hash: str) -> bool:
        """Open a session under `token`, which must be fresh (ASVS 7.2.4), in the caller's transaction.

        Not where the account was disabled or its password is not `password_hash` any more, which somebody has
        verified and that takes a while; tell whether it was opened.
        """
        columns = SessionRow.__table__.c
        moment = now()
        account = select(
            literal(_digest(token), columns.digest.type),
            AccountRow.id,
            literal(moment, columns.created_at.type),
            literal(moment + self.ttl, columns.expires_at.type),
        ).where(AccountRow.id == account_id, AccountRow.active, AccountRow.password_hash == password_hash)
        names = ["digest", "account_id", "created_at", "expires_at"]
        opened = await session.execute(insert(SessionRow).from_select(names, account).returning(SessionRow.digest))
        return opened.first() is not None

    async def is_open(self, session: AsyncSession, token: str) -> bool:
        """Tell whether the session is open still, in the caller's transaction."""
        open_one = select(SessionRow.digest).where(SessionRow.digest == _digest(token), SessionRow.expires_at > now())
        return (await session.execute(open_one)).first() is not None

    async def account_id(self, token: str) -> str | None:
        """Return whose session it is; None where it does not exist or is over."""
        statement = select(SessionRow.account_id).where(
            SessionRow.digest == _digest(token), SessionRow.expires_at > now()
        )
        async with self._database.reading() as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    async def end(self, token: str) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(SessionRow).where(SessionRow.digest == _digest(token)))
            await session.commit()


def _digest(token: str) -> bytes:
    # A random 256-bit value needs no slow hash: there is nothing to guess (NIST SP 800-63B 5.1).
    return sha256(token.encode()).digest()
