"""From a password that somebody shows to a session, and from a session to an account."""

import os
from datetime import datetime

from sqlalchemy import Connection

from keyturn.accounts.port import Account, AccountStore, JoinsSignIn, KnowsHashes
from keyturn.accounts.sessions import Sessions
from keyturn.database import Database
from keyturn.problems.proofs import NotSignedIn
from keyturn.reset.changes.authorization import ChangeAuthorization
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.reset.records import tokens
from keyturn.reset.records.mailboxes import Mailboxes


class AccountSessions:
    """Opens a session for who shows an account's password, and knows whose a session is.

    `accounts` and `hashes` are one store: what finds an account there, and what reads its hash. `mailboxes` are given
    where they can be muted: signing in ends that.
    """

    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        hashes: KnowsHashes,
        sessions: Sessions,
        hasher: PasswordHasher,
        mailboxes: Mailboxes | None = None,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._hashes = hashes
        self._sessions = sessions
        self._hasher = hasher
        self._mailboxes = mailboxes

    async def find(self, email: str) -> Account | None:
        return await self._accounts.find(email)

    async def verify(self, account: Account | None, password: str, *, reserved: bool = False) -> str | None:
        """Return the stored hash that the password fits; None where it fits none. Raises Busy.

        `reserved` where whoever shows it is no stranger. Without an account, or with one that is disabled, it is the
        same work, a read of a hash included (OWASP ASVS 6.3.8).
        """
        stored = await self._hashes.password_hash(account.id if account and account.active else "")
        return stored if await self._hasher.verify(password, stored, reserved=reserved) else None

    async def open(self, account: Account, verified: str) -> str | None:
        """Return the secret of a new session; None where `verified` is not the account's hash any more.

        The check took a while, in which the account may have been disabled or its password changed.
        """
        secret, account_id = tokens.mint(os.urandom), account.id
        joins = self._hashes if isinstance(self._hashes, JoinsSignIn) else None

        def start(connection: Connection) -> bool:
            self._database.hold(connection, account_id)
            if joins and joins.password_hash_within(connection, account_id) != verified:
                return False
            self._sessions.start(connection, account_id, secret)
            if self._mailboxes:
                self._mailboxes.unmute(connection, account.email)
            return True

        if not await self._database.transact(start):
            return None
        # Another system is not asked while this one's database is held. A change that it has not heard of yet ends
        # the session, which is there by now.
        if joins or await self._hashes.password_hash(account_id) == verified:
            return secret
        await self._sessions.end(secret)
        return None

    async def account(self, secret: str) -> Account:
        """Return who is signed in. Raises NotSignedIn where the session is over or the account disabled."""
        account_id = await self._sessions.account_id(secret) if secret else None
        account = await self._accounts.get(account_id) if account_id else None
        if account is None or not account.active:
            raise NotSignedIn
        return account

    async def end(self, secret: str) -> None:
        await self._sessions.end(secret)

    def authorization(self, account_id: str, secret: str) -> "SessionAuthorization":
        """Return what allows a change to whoever holds the open session."""
        return SessionAuthorization(self._sessions, account_id, secret)


class SessionAuthorization(ChangeAuthorization):
    """Allows a change as long as its session is open. `fresh` is the secret of the session that follows."""

    how = "change"

    def __init__(self, sessions: Sessions, account_id: str, secret: str) -> None:
        self._sessions = sessions
        self._account_id = account_id
        self._secret = secret
        self.fresh = tokens.mint(os.urandom)

    def refusal(self) -> NotSignedIn:
        return NotSignedIn()

    def redeem(self, connection: Connection, _: datetime) -> None:
        # Every change ends all sessions: where this one is open still, the current password is the password still.
        if not self._sessions.is_open(connection, self._secret):
            raise NotSignedIn

    def after_change(self, connection: Connection) -> None:
        self._sessions.start(connection, self._account_id, self.fresh)
