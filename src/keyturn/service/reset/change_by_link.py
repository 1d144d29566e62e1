"""The change of a password by the holder of a link."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.proofs import LinkDead
from keyturn.service.reset.change import Change
from keyturn.service.reset.link_lookup import LinkLookup
from keyturn.service.reset.ports import FurtherProof, PassedStep, SecondStepCode
from keyturn.service.reset.records.intrusions import is_intruded
from keyturn.service.reset.records.links import LINKS, facts_of
from keyturn.service.reset.stores import Transaction


@dataclass(eq=False, repr=False, kw_only=True)
class ChangeByLink(Change):
    """A change by the holder of a link. Of concurrent requests, the one that uses the link up makes
    the change.

    `further_proof`: asks for what the account needs besides the link.
    """

    links: LinkLookup
    link: OneTimeSecret
    further_proof: FurtherProof
    answer: SecondStepCode | None
    passed: PassedStep | None = None
    how = "reset"

    async def require_second_step(self) -> None:
        try:
            self.passed = await self.further_proof.require(
                self.link, self.account, self.answer, self.client
            )
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
        tx.mailboxes.end_cooldown(facts_of(self.link).email)
        # Before `use`: a used link ends the suspicion.
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
            self.further_proof.undo_recent(tx, self.account, self.client)


def _require_alive(link: OneTimeSecret | None) -> None:
    """Raise LinkDead with the reason why a link no longer works."""
    if link is None:
        raise LinkDead("invalid")
    reason = link.dead_reason(now())
    if reason:
        raise LinkDead(reason)
