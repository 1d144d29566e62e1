"""The one place that sets a password, with all that belongs to it."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import Connection

from keyturn.accounts.port import AccountStore, JoinsTransaction, KnowsHashes, NewPassword
from keyturn.database import Database, now
from keyturn.outbox import Outbox
from keyturn.problems.passwords import OutcomeUnknown
from keyturn.problems.proofs import DeadReason, LinkDead
from keyturn.problems.requests import DatabaseUnready
from keyturn.reset.change import Change, ChangeAuthorization, ChangeEffects
from keyturn.reset.elsewhere import ExternalStoreChanges, yes_or_no
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.reset.passwords.policy import PasswordPolicy
from keyturn.reset.proofs.second_step.required import PassedSecondStep
from keyturn.reset.records.link_store import Link, LinkStore


class PasswordChanges:
    """Sets passwords: in one transaction where the store joins it, and otherwise as `external_store` says."""

    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        outbox: Outbox,
        policy: PasswordPolicy,
        hasher: PasswordHasher,
        effects: ChangeEffects,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._joining = accounts if isinstance(accounts, JoinsTransaction) else None
        self._outbox = outbox
        self._policy = policy
        self._hasher = hasher
        self._effects = effects
        self._external = ExternalStoreChanges(database, accounts, outbox, effects)

    async def make(self, change: Change) -> None:
        """Do it all, or nothing, or raise OutcomeUnknown.

        Raises what the authorization does, PasswordRejected, Busy, AccountsUnready.
        """
        await self._policy.require(change.password, change.account.email)
        await change.authorization.require_second_step()
        password = await self._accept(change)
        if self._joining is not None:
            await self._change_in_transaction(self._joining, change, password)
        else:
            await self._external.make(change, password)
        self._outbox.wake()

    async def _accept(self, change: Change) -> NewPassword:
        """Return the new password, unless it is the one that the account has.

        That is checked after all other rules, because a wrong guess changes the password and uses up the link: guessing
        the current password takes a link for each guess. If another request has just used the link to set this very
        password, as a form does that is sent twice, the answer says so.
        """
        plain = NewPassword(change.password, self._hasher.hash)
        if not self._policy.refuses_current or not isinstance(self._accounts, KnowsHashes):
            return plain
        if change.current is not None:
            if change.password == change.current:
                raise self._policy.reject_current()
            return plain
        current = await self._accounts.password_hash(change.account.id)
        if not current:
            return plain
        hashed = await self._hasher.hash_another(change.password, current)
        if hashed is None:
            await change.authorization.require_unused()
            raise self._policy.reject_current()
        return NewPassword(change.password, self._hasher.hash, hashed)

    async def _change_in_transaction(self, accounts: JoinsTransaction, change: Change, password: NewPassword) -> None:
        password_hash = await password.hashed()
        moment, is_committing = now(), False

        def write(connection: Connection) -> None:
            nonlocal is_committing
            # One change an account at a time: two of its links used at once would each wait for the other to end.
            self._database.hold(connection, change.account.id)
            change.authorization.redeem(connection, moment)
            if not yes_or_no(accounts.set_password_within(connection, change.account, password_hash)):
                raise change.authorization.refusal()
            authorization = change.authorization
            self._effects.write(
                connection, change.account, change.client, authorization.how, moment, proven=authorization.proven
            )
            authorization.after_change(connection)
            is_committing = True

        try:
            await self._database.transact(write)
        except DatabaseUnready as error:
            if not is_committing:
                raise
            raise OutcomeUnknown("the answer to the commit was lost") from error

    async def close(self) -> None:
        """Wait for the changes that are under way in another system."""
        await self._external.close()


Demand = Callable[[], Awaitable[PassedSecondStep | None]]
"""Asks for the second step. Raises where it is not there."""


class LinkAuthorization(ChangeAuthorization):
    """Allows one change to whoever has the link; consuming it is what decides. `demand` asks for the second step."""

    how = "reset"

    def __init__(self, links: LinkStore, digest: bytes, demand: Demand | None) -> None:
        self._links = links
        self._digest = digest
        self._demand = demand
        self._passed: PassedSecondStep | None = None

    @property
    def proven(self) -> bool:
        return self._passed is not None

    def refusal(self) -> LinkDead:
        return LinkDead("invalid")

    async def require_second_step(self) -> None:
        if not self._demand:
            return
        try:
            self._passed = await self._demand()
        except LinkDead as dead:
            if dead.reason == "invalid":  # somebody else may have used it meanwhile, as a form does that is sent twice
                await self.require_unused()
            raise

    async def require_unused(self) -> None:
        if dead := _dead_reason(await self._links.find(self._digest)):
            raise LinkDead(dead)

    def redeem(self, connection: Connection, moment: datetime) -> None:
        if not self._links.consume(connection, self._digest, moment):
            raise LinkDead(_dead_reason(self._links.find_within(connection, self._digest)) or "invalid")
        if self._passed:
            self._passed.spend(connection, moment)

    def give_back(self, connection: Connection, moment: datetime) -> None:
        self._links.give_back(connection, self._digest, moment)
        if self._passed:
            self._passed.give_back(connection, moment)

    def after_change(self, connection: Connection) -> None:
        if self._passed:
            self._passed.confirm(connection)


def _dead_reason(link: Link | None) -> DeadReason | None:
    return link.dead_reason(now()) if link else "invalid"
