"""Signing in to the built-in store, and changing a password that is still known."""

import logging
import os

from keyturn import addresses
from keyturn.accounts.port import Account, AccountStore
from keyturn.accounts.sessions import Sessions
from keyturn.database import Database, now
from keyturn.errors import CredentialsRejected, InputInvalid, NotSignedIn
from keyturn.logs import LogEvent
from keyturn.meters import Meters, counted
from keyturn.outbox import Outbox
from keyturn.reset import tokens
from keyturn.reset.audit import Audit
from keyturn.reset.client import Client
from keyturn.reset.hashing import PasswordHasher
from keyturn.reset.intents import PASSWORD_CHANGED, PasswordWasChanged
from keyturn.reset.password import PasswordPolicy
from keyturn.reset.store import LinkStore
from keyturn.reset.throttle import Throttle

log = logging.getLogger("keyturn.sessions")


class SignIns:
    def __init__(
        self, database: Database, accounts: AccountStore, sessions: Sessions, links: LinkStore, outbox: Outbox,
        audit: Audit, throttle: Throttle, policy: PasswordPolicy, hasher: PasswordHasher,
        meters: Meters | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._sessions = sessions
        self._links = links
        self._outbox = outbox
        self._audit = audit
        self._throttle = throttle
        self._policy = policy
        self._hasher = hasher
        self.meters = meters or Meters()

    @counted("login")
    async def sign_in(self, email: str, password: str, client: Client) -> tuple[str, Account]:
        """Return the secret of a new session, and whose it is.

        An unknown address takes as long as a wrong password and gets the same answer (ASVS 6.3.8).
        Raises CredentialsRejected, TooManyRequests, Busy.
        """
        await self._throttle.count("login", client)
        try:
            address = addresses.parse(email)
        except InputInvalid:
            raise CredentialsRejected from None
        await self._throttle.count_guess(address)
        account = await self._accounts.find(address)
        stored = await self._accounts.password_hash(account.id) if account and account.active else None
        fits = await self._hasher.verify(password, stored)
        secret, moment = tokens.mint(os.urandom), now()
        async with self._database.transaction() as session:
            if fits and account and stored:
                await self._database.hold(session, account.id)
                fits = await self._sessions.start(session, account.id, secret, stored)
            account_id = account.id if account else ""
            await self._audit.write(
                session, "sign_in", "signed_in" if fits else "rejected", client,
                at=moment, account_id=account_id, email=address,
            )  # fmt: skip
            await session.commit()
        if not fits or not account:
            log.info(LogEvent("sign_in.rejected", email=addresses.masked(address)))
            raise CredentialsRejected
        return secret, account

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

        Raises NotSignedIn, CredentialsRejected where `current` is wrong, PasswordRejected, TooManyRequests, Busy.
        """
        account = await self.account(secret)
        await self._throttle.count("login", client)
        # By the id and not by the address, under which a stranger's guesses at the sign-in page are counted.
        await self._throttle.count_guess(account.id)
        if not await self._hasher.verify(current, await self._accounts.password_hash(account.id)):
            async with self._database.transaction() as session:
                await self._audit.write(
                    session, "password_change", "rejected", client,
                    at=now(), account_id=account.id, email=account.email,
                )  # fmt: skip
                await session.commit()
            raise CredentialsRejected
        self._policy.require(password, account.email)
        password_hash = await self._hasher.hash(password)
        fresh, moment = tokens.mint(os.urandom), now()
        async with self._database.transaction() as session:
            await self._database.hold(session, account.id)
            # Every change ends all sessions: where this one is open still, `current` is the password still.
            if not await self._sessions.is_open(session, secret):
                raise NotSignedIn
            if not await self._accounts.set_password(session, account, password_hash):
                raise NotSignedIn
            await self._links.revoke_all(session, account.id, moment)
            await self._sessions.start(session, account.id, fresh, password_hash)
            confirmation = await self._outbox.enqueue(
                session, PASSWORD_CHANGED, PasswordWasChanged(account_id=account.id, at=moment, client=client)
            )
            await self._audit.write(
                session, "password_change", "changed", client, at=moment, account_id=account.id, email=account.email,
                message_id=confirmation,
            )  # fmt: skip
            await session.commit()
        self._outbox.waiting.set()
        log.info(LogEvent("password.changed", account_id=account.id))
        return fresh
