"""The one place that sets a password, with all that belongs to it."""

from keyturn.accounts.port import AccountStore, JoinsTransaction, NewPassword
from keyturn.database import Database, now
from keyturn.outbox import Outbox
from keyturn.reset.changes.authorization import Change
from keyturn.reset.changes.effects import ChangeEffects
from keyturn.reset.changes.external_store import ExternalStoreChanges
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.reset.passwords.policy import PasswordPolicy


class PasswordChanges:
    """In one transaction where the store joins it, and otherwise as `elsewhere` does."""

    def __init__(
        self, database: Database, accounts: AccountStore, outbox: Outbox, policy: PasswordPolicy,
        hasher: PasswordHasher, consequences: ChangeEffects,
    ) -> None:  # fmt: skip
        self._database = database
        self._accounts = accounts
        self._outbox = outbox
        self._policy = policy
        self._hasher = hasher
        self._consequences = consequences
        self.elsewhere = ExternalStoreChanges(database, accounts, outbox, consequences)

    async def make(self, change: Change) -> None:
        """Do it all, or nothing. Raises what the permit does, PasswordRejected, Busy, AccountsUnready."""
        self._policy.require(change.password, change.account.email)
        password = NewPassword(change.password, self._hasher.hash)
        if isinstance(self._accounts, JoinsTransaction):
            await self._within_one(self._accounts, change, password)
        else:
            await self.elsewhere.make(change, password)
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
            await self._consequences.write(session, change.account, change.client, change.permit.how, moment)
            await change.permit.succeed(session)
            await session.commit()
