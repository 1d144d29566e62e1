"""Sets a new password with a link, in one transaction if the store is in Keyturn's database (else:
`elsewhere.py`).
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account, AccountStore, NewPassword
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.problems.requests import LimitsUnready
from keyturn.service.reset.change import Change, ChangeEffects, ended_by
from keyturn.service.reset.check import LiveLinks
from keyturn.service.reset.elsewhere import ExternalStoreChanges
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.ports import PassedStep, SecondProof, SecondStepCode
from keyturn.service.reset.records.links import LINKS, is_intruded
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log
from keyturn.service.telemetry.meters import count_calls


class PasswordResets:
    """Completes resets: makes the change, and forgets guesses at the old password."""

    def __init__(
        self, links: LiveLinks, stores: Stores, changes: "PasswordChanges", second_step: SecondProof
    ) -> None:
        self._stores, self.meters = stores, stores.meters
        self._links, self._changes, self._second_step = links, changes, second_step

    @count_calls("reset")
    async def complete(
        self,
        token: str,
        password: str,
        client: Client,
        email: str | None = None,
        answer: SecondStepCode | None = None,
    ) -> Account:
        """Set a new password, use up the link, and end the account's other links and its sessions.

        Return the account.

        `answer`: to the second step, if the account has one. Raises LinkDead, PasswordRejected,
        SecondStepRequired, SecondStepRejected (the link survives these), OutcomeUnknown, Busy,
        AccountsUnready, TooManyRequests.
        """
        await self._stores.limits.count("reset", client)
        link, account = await self._links.require("password_reset", token, email, client)
        step = self._second_step
        change = ChangeByLink(
            account=account,
            password=password,
            client=client,
            links=self._links,
            link=link,
            step=step,
            answer=answer,
        )
        try:
            await self._changes.make(change)
        except LinkDead as dead:  # because another request was quicker
            raise await self._links.record_dead(dead, "password_reset", link, client) from None
        reset_log.info(LogEvent("reset.completed", account_id=account.id))
        with contextlib.suppress(
            LimitsUnready
        ):  # the password is changed, even if the counter cannot be written
            await self._stores.limits.forget_guesses(addresses.normalize(account.email))
        return account


class PasswordChanges:
    """Sets passwords: in one transaction if the store joins it, otherwise by `external`."""

    def __init__(
        self, stores: Stores, policy: PasswordPolicy, hasher: PasswordHasher, effects: ChangeEffects
    ) -> None:
        self._stores, self._policy, self._hasher, self._effects = stores, policy, hasher, effects
        self._joins = stores.accounts.offers(AccountStore.set_password_within)
        self.external = ExternalStoreChanges(stores, effects)

    async def make(self, change: Change) -> None:
        """Make the whole change or none.

        Raises its errors, PasswordRejected, Busy, AccountsUnready, OutcomeUnknown.
        """
        await self._policy.require(change.password, change.account.email)
        await change.require_second_step()
        password = NewPassword(change.password, self._hasher.hash)
        if self._joins:
            await self._change_in_transaction(change, password)
        else:
            await self.external.make(change, password)

    async def _change_in_transaction(self, change: Change, password: NewPassword) -> None:
        password_hash = await password.hashed()
        moment = now()

        def write(tx: Transaction) -> None:
            # One change per account at a time: two of its links used at once would each wait for
            # the other to end.
            tx.hold(change.account.id)
            account = change.redeem(tx, moment)
            ended = ended_by(
                self._stores.accounts.set_password_within(tx.connection, account, password_hash)
            )
            if ended is None:
                raise change.refusal()
            self._effects.write(tx, account, change.begun(moment), ended)
            change.after_change(tx)

        await self._stores.transact_once(write)


@dataclass(eq=False, repr=False, kw_only=True)
class ChangeByLink(Change):
    """The change of a link's holder; consuming the link decides.

    `step` asks for more than the link.
    """

    links: LiveLinks
    link: OneTimeSecret
    step: SecondProof
    answer: SecondStepCode | None
    passed: PassedStep | None = None
    how = "reset"

    @property
    def proven(self) -> bool:
        return self.passed is not None

    def refusal(self) -> LinkDead:
        return LinkDead("invalid")

    async def require_second_step(self) -> None:
        try:
            self.passed = await self.step.require(self.link, self.account, self.answer, self.client)
        except LinkDead as dead:
            if (
                dead.reason == "invalid"
            ):  # another request may have used it, as when a form is sent twice
                self._require_alive(await self.links.find(self.link.key))
            raise

    def _require_alive(self, link: OneTimeSecret | None) -> None:
        if reason := link.dead_reason(now()) if link else "invalid":
            raise LinkDead(reason)

    def redeem(self, tx: Transaction, moment: datetime) -> Account:
        # In the order of the worker: first the mailbox, then its account's links.
        tx.mailboxes.end_cooldown(self.link.facts.email)
        is_suspected = self.link.recovers or is_intruded(tx.connection, self.account, moment)
        if not one_time_secrets.use(tx.connection, self.link, moment):
            self._require_alive(one_time_secrets.find(tx.connection, self.link.key, *LINKS))
            raise LinkDead("invalid")
        if self.passed:
            self.passed.spend(tx, moment)
        return msgspec.structs.replace(self.account, intruded=is_suspected)

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        one_time_secrets.give_back(tx.connection, self.link, moment)
        if self.passed:
            self.passed.give_back(tx, moment)

    def after_change(self, tx: Transaction) -> None:
        """Confirm the second step. A recovery link undoes what was added to it recently."""
        if self.passed:
            self.passed.confirm(tx)
        if self.link.recovers:
            self.step.undo_recent(tx, self.account, self.client)
