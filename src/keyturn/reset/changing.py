"""The one place that sets a password, with all that belongs to it."""

from abc import ABC, abstractmethod
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import Account, AccountStore, JoinsTransaction, NewPassword
from keyturn.accounts.sessions import Sessions
from keyturn.database import Database, now
from keyturn.errors import KeyturnError
from keyturn.outbox import Outbox
from keyturn.reset.audit import Audit
from keyturn.reset.client import Client
from keyturn.reset.hashing import PasswordHasher
from keyturn.reset.intents import PASSWORD_CHANGED, How, PasswordWasChanged
from keyturn.reset.notices import Notices
from keyturn.reset.password import PasswordPolicy
from keyturn.reset.store import LinkStore


class Permit(ABC):
    """What allows one change: a live link, or an open session."""

    how: How
    event: str
    """What the audit trail calls it."""

    @abstractmethod
    def refusal(self) -> KeyturnError:
        """Return what to raise where the account has been disabled, or has another address, since it was looked up."""

    @abstractmethod
    async def use(self, session: AsyncSession, moment: datetime) -> None:
        """Use it up, in the caller's transaction. Raises where it does not hold any more."""

    async def give_back(self, session: AsyncSession, moment: datetime) -> None:  # noqa: B027 - most have nothing to undo
        """Undo `use`, which was committed at that moment: the store has refused the password."""

    async def succeed(self, session: AsyncSession) -> None:  # noqa: B027 - most have nothing to add
        """Do what else follows, in the transaction that ends the change."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    password: str
    client: Client
    permit: Permit


class PasswordChanges:
    """Sets the password; ends the account's other links and its sessions, audits, promises the confirmation."""

    def __init__(
        self, database: Database, accounts: AccountStore, sessions: Sessions, links: LinkStore, outbox: Outbox,
        audit: Audit, notices: Notices, policy: PasswordPolicy, hasher: PasswordHasher,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._sessions = sessions
        self._links = links
        self._outbox = outbox
        self._audit = audit
        self._notices = notices
        self._policy = policy
        self._hasher = hasher

    async def make(self, change: Change) -> None:
        """Do it all, or nothing. Raises what the permit does, PasswordRejected, Busy, AccountsUnready."""
        self._policy.require(change.password, change.account.email)
        password = NewPassword(change.password, self._hasher.hash)
        if isinstance(self._accounts, JoinsTransaction):
            await self._within_one(self._accounts, change, password)
        else:
            await self._across_two(change, password)
        self._outbox.waiting.set()

    async def _within_one(self, accounts: JoinsTransaction, change: Change, password: NewPassword) -> None:
        password_hash = await password.hashed()
        moment = now()
        async with self._database.transaction() as session:
            # One change an account at a time: two of its links used at once would each wait for the other to end.
            await self._database.hold(session, change.account.id)
            await change.permit.use(session, moment)
            if not await accounts.set_password_within(session, change.account, password_hash):
                raise change.permit.refusal()
            await self._finish(session, change, moment)
            await session.commit()

    async def _across_two(self, change: Change, password: NewPassword) -> None:
        """Use the permit up first, then ask the store: nobody else can use it meanwhile.

        Whatever the store says but yes, the permit is given back. A process that dies in between leaves it used.
        """
        moment = now()
        async with self._database.transaction() as session:
            await self._database.hold(session, change.account.id)
            await change.permit.use(session, moment)
            await session.commit()
        stored = False
        try:
            stored = await self._accounts.set_password(change.account, password)
        finally:
            if not stored:
                async with self._database.transaction() as session:
                    await change.permit.give_back(session, moment)
                    await session.commit()
        if not stored:
            raise change.permit.refusal()
        async with self._database.transaction() as session:
            await self._finish(session, change, moment)
            await session.commit()

    async def _finish(self, session: AsyncSession, change: Change, moment: datetime) -> None:
        account, client = change.account, change.client
        await self._links.revoke_all(session, account.id, moment)
        # OWASP ASVS 7.4.3: a change of password can end all other sessions; here it always does.
        await self._sessions.end_all(session, account.id)
        await change.permit.succeed(session)
        confirmation = await self._outbox.enqueue(
            session, PASSWORD_CHANGED, PasswordWasChanged(account_id=account.id, at=moment, client=client)
        )
        await self._notices.password_changed(session, account, client, how=change.permit.how, moment=moment)
        await self._audit.write(
            session, change.permit.event, "changed", client, at=moment, account_id=account.id, email=account.email,
            message_id=confirmation,
        )  # fmt: skip
