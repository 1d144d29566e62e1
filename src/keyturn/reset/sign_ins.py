"""Signing in, where the store's hashes can be read, and changing a password that is still known."""

import logging
import os
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore, JoinsTransaction, KnowsHashes
from keyturn.accounts.sessions import Sessions
from keyturn.database import Database, now
from keyturn.errors import CredentialsRejected, InputInvalid, NotSignedIn
from keyturn.reset.changes.authorization import Change, ChangeAuthorization
from keyturn.reset.changes.service import PasswordChanges
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.reset.rate_limits import RateLimits
from keyturn.reset.records import tokens
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.client import Client
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Meters, counted

log = logging.getLogger("keyturn.sessions")


class SignIns:
    def __init__(
        self, database: Database, accounts: AccountStore, hashes: KnowsHashes, sessions: Sessions, audit: Audit,
        limits: RateLimits, hasher: PasswordHasher, changes: PasswordChanges, meters: Meters | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._hashes = hashes
        self._sessions = sessions
        self._audit = audit
        self._limits = limits
        self._hasher = hasher
        self._changes = changes
        self.meters = meters or Meters()

    @counted("login")
    async def sign_in(self, email: str, password: str, client: Client) -> tuple[str, Account]:
        """Return the secret of a new session, and whose it is.

        An unknown address takes as long as a wrong password and gets the same answer (ASVS 6.3.8).
        Raises CredentialsRejected, TooManyRequests, Busy.
        """
        await self._limits.count("login", client)
        try:
            address = addresses.parse(email)
        except InputInvalid:
            raise CredentialsRejected from None
        await self._limits.count_guess(address)
        account = await self._accounts.find(address)
        stored = await self._hashes.password_hash(account.id) if account and account.active else None
        fits = await self._hasher.verify(password, stored)
        secret = tokens.mint(os.urandom)
        if fits and account and stored:
            fits = await self._open(account.id, secret, stored)
        async with self._database.transaction() as session:
            await self._audit.write(
                session, "sign_in", "signed_in" if fits else "rejected", client,
                at=now(), account_id=account.id if account else "", email=address,
            )  # fmt: skip
            await session.commit()
        if not fits or not account:
            log.info(LogEvent("sign_in.rejected", email=addresses.masked(address)))
            raise CredentialsRejected
        return secret, account

    async def _open(self, account_id: str, secret: str, verified: str) -> bool:
        """Open a session, unless the account was disabled or its password changed: the check took a while."""
        joins = isinstance(self._hashes, JoinsTransaction)
        async with self._database.transaction() as session:
            await self._database.hold(session, account_id)
            if joins and await self._hashes.password_hash(account_id, session) != verified:
                return False
            await self._sessions.start(session, account_id, secret)
            await session.commit()
        if joins:
            return True
        # Another system is not asked while this one's database is held. A change that it has not heard of yet ends
        # the session, which is there by now.
        if await self._hashes.password_hash(account_id) == verified:
            return True
        await self._sessions.end(secret)
        return False

    async def sign_out(self, secret: str) -> None:
        await self._sessions.end(secret)

    async def account(self, secret: str) -> Account:
        """Return who is signed in. Raises NotSignedIn where the session is over or the account disabled."""
        account_id = await self._sessions.account_id(secret) if secret else None
        account = await self._accounts.get(account_id) if account_id else None
        if account is None or not account.active:
            raise NotSignedIn
        return account

    @counted("change")
    async def change_password(self, secret: str, current: str, password: str, client: Client) -> str:
        """Set a new password for who is signed in; return the secret of a new session, every old one being over.

        Raises NotSignedIn, CredentialsRejected where `current` is wrong, PasswordRejected, TooManyRequests, Busy,
        AccountsUnready.
        """
        account = await self.account(secret)
        await self._limits.count("login", client)
        # By the id and not by the address, under which a stranger's guesses at the sign-in page are counted.
        await self._limits.count_guess(account.id)
        if not await self._hasher.verify(current, await self._hashes.password_hash(account.id)):
            async with self._database.transaction() as session:
                await self._audit.write(
                    session, "password_change", "rejected", client,
                    at=now(), account_id=account.id, email=account.email,
                )  # fmt: skip
                await session.commit()
            raise CredentialsRejected
        fresh = tokens.mint(os.urandom)
        authorization = _SessionAuthorization(self._sessions, account.id, secret, fresh)
        await self._changes.make(Change(account=account, password=password, client=client, authorization=authorization))
        log.info(LogEvent("password.changed", account_id=account.id))
        return fresh


class _SessionAuthorization(ChangeAuthorization):
    how = "change"

    def __init__(self, sessions: Sessions, account_id: str, secret: str, fresh: str) -> None:
        self._sessions = sessions
        self._account_id = account_id
        self._secret = secret
        self._fresh = fresh

    def refusal(self) -> NotSignedIn:
        return NotSignedIn()

    async def redeem(self, session: AsyncSession, _: datetime) -> None:
        # Every change ends all sessions: where this one is open still, the current password is the password still.
        if not await self._sessions.is_open(session, self._secret):
            raise NotSignedIn

    async def after_change(self, session: AsyncSession) -> None:
        await self._sessions.start(session, self._account_id, self._fresh)
