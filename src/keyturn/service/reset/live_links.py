"""Links that work: finds the link of a token and its account, and changes the password by it.

Waiting requests share the statement that reads their links.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from keyturn.service import addresses, one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.database.batching import lookup
from keyturn.service.one_time_secrets import OneTimeSecret, SecretRow, secret_of
from keyturn.service.problems.problem import outcome_of
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.reset.change import Change
from keyturn.service.reset.ports import PassedStep, SecondProof, SecondStepCode
from keyturn.service.reset.records.links import LINKS, is_intruded
from keyturn.service.reset.stores import Stores, Transaction


class LiveLinks:
    """Finds the link of a token and its account.

    The audit trail records a link of Keyturn's that is refused, and the reason.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._by_key = lookup(
            stores.database, one_time_secrets.all_of(LINKS), SecretRow.key, secret_of
        )

    async def find(self, key: bytes) -> OneTimeSecret | None:
        """Return the link with that key; None if there is none. It may be dead."""
        return await self._by_key.submit(key)

    async def require(
        self, event: str, token: str, email: str | None, client: Client
    ) -> tuple[OneTimeSecret, Account]:
        """Return the link of the token and its account.

        Raises LinkDead with the reason, recorded as `event`.

        A link is dead, too, if its account was disabled or has a new address since. An invitation
        is dead if its account has a password by now. `email`: the address that the client names for
        the account; with another one, the link counts as dead.
        """
        link = await self.find(one_time_secrets.digest(token))
        if link is None:
            # It is not recorded: invented tokens would fill the audit trail.
            raise LinkDead("invalid")
        reason = link.dead_reason(now())
        if reason:
            dead = LinkDead(reason)
            # A link that was revoked after its expiry has been replaced already.
            if reason == "expired" and link.revoked_at is None:
                dead.email_hint = addresses.mask(link.facts.email)
            raise await self.record_dead(dead, event, link, client)
        # Only now, since the store may be unavailable: a dead link is refused without it.
        account = await self._stores.accounts.get(link.account_id)
        if account is None or not _opens(link, account):
            raise await self.record_dead(LinkDead("invalid"), event, link, client)
        if email is not None and not addresses.is_same_mailbox(account.email, email):
            dead = LinkDead("invalid")
            dead.is_another = True
            raise await self.record_dead(dead, event, link, client)
        return link, account

    async def record_dead(
        self, dead: LinkDead, event: str, link: OneTimeSecret, client: Client
    ) -> LinkDead:
        """Record in the audit trail that a link was refused (OWASP ASVS 16.3.3); return `dead`."""
        await self._stores.audit.record(
            event, outcome_of(dead), client, link.account_id, link.facts.email
        )
        return dead


def _opens(link: OneTimeSecret, account: Account) -> bool:
    """Tell whether the link works for the account as it is now.

    The account must have the link's address, and be active or, for a link that recovers, locked. A
    link that invites works for days and may have been forwarded, so the account must still await
    its first password.
    """
    facts = link.facts
    if facts.invites and not account.awaits_password:
        return False
    if not addresses.is_same_mailbox(account.email, facts.email):
        return False
    return account.active or (link.recovers and account.locked)


@dataclass(eq=False, repr=False, kw_only=True)
class ChangeByLink(Change):
    """A change by the holder of a link. Of concurrent requests, the one that uses the link up makes
    the change.

    `step`: asks for what the account needs besides the link.
    """

    links: LiveLinks
    link: OneTimeSecret
    step: SecondProof
    answer: SecondStepCode | None
    passed: PassedStep | None = None
    how = "reset"

    async def require_second_step(self) -> None:
        try:
            self.passed = await self.step.require(self.link, self.account, self.answer, self.client)
        except LinkDead as dead:
            if dead.reason == "invalid":
                # Another request may have used the link, as when a form is sent twice.
                _require_alive(await self.links.find(self.link.key))
            raise

    @property
    def is_proven(self) -> bool:
        return self.passed is not None

    def redeem(self, tx: Transaction, moment: datetime) -> Account:
        # First the mailbox, then the account's links: the worker locks them in the same order, so
        # the two cannot deadlock.
        tx.mailboxes.end_cooldown(self.link.facts.email)
        is_suspected = self.link.recovers or is_intruded(tx.connection, self.account, moment)
        if not one_time_secrets.use(tx.connection, self.link, moment):
            _require_alive(one_time_secrets.find(tx.connection, self.link.key, *LINKS))
            raise LinkDead("invalid")
        if self.passed:
            self.passed.spend(tx, moment)
        return msgspec.structs.replace(self.account, intruded=is_suspected)

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        one_time_secrets.give_back(tx.connection, self.link, moment)
        if self.passed:
            self.passed.give_back(tx, moment)

    def refusal(self) -> LinkDead:
        return LinkDead("invalid")

    def after_change(self, tx: Transaction) -> None:
        """Confirm the second step. A recovery link also removes factors that were added lately."""
        if self.passed:
            self.passed.confirm(tx)
        if self.link.recovers:
            self.step.undo_recent(tx, self.account, self.client)


def _require_alive(link: OneTimeSecret | None) -> None:
    """Raise LinkDead with the reason why a link no longer works."""
    if link is None:
        raise LinkDead("invalid")
    reason = link.dead_reason(now())
    if reason:
        raise LinkDead(reason)
