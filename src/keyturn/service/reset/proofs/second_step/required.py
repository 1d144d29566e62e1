"""Requires a second factor for a reset and for a sign-in at Keyturn, besides link or password, if there is one."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from keyturn.errors import KeyturnError
from keyturn.service import addresses, secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.problems.proofs import Factor, LinkDead, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import SecondStepUnfinished, Unavailable
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.proofs.second_step.port import Accepted, Method, SecondStep, SecondStepTry
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.links import Link
from keyturn.service.reset.records.messages import (
    SECOND_STEP_CHANGED,
    SECOND_STEP_FAILED,
    FactorChange,
    SecondStepHasFailed,
    SecondStepWasChanged,
)
from keyturn.service.reset.records.stores import Records, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log

_Result = TypeVar("_Result")

EVENT = "second_step"
"""The event's name in the audit trail."""


class SecondStepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The second step that came with a password: a code and its method. `code` is "" to request a code."""

    method: Method
    code: str = ""


class PassedSecondStep(msgspec.Struct, frozen=True, kw_only=True):
    """A right code: the change that it allows uses it up, and gives it back if the change fails.

    `refusal`: the error to raise if another request has used the code up.
    """

    trial: SecondStepTry
    accepted: Accepted
    refusal: SecondStepRejected
    tries: SecondStepTries

    def spend(self, tx: Transaction, moment: datetime) -> None:
        """Use the code up in the change's transaction. Raises SecondStepRejected if another request was quicker."""
        if not self.accepted.spend(tx.connection, moment):
            raise self.refusal

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        """Undo `spend`, which was committed at that moment."""
        self.accepted.give_back(tx.connection, moment)

    def confirm(self, tx: Transaction) -> None:
        """Record that the step was passed and reset the account's count, in the transaction that ends the change."""
        account = self.trial.account
        self.tries.forget(tx, account.id)
        tx.audit.write(EVENT, f"passed_{self.trial.method}", self.trial.client, now(), account.id, account.email)


class RequiredSecondStep:
    """Lets a reset or a sign-in go on if the account has no second factor, or if its request has a right code.

    A reset has a link; without one, a user who knows the password signs in. The audit trail records failures. After
    its last try a link ends, and its owner gets a mail. So does the owner of factors that an operator changes.
    """

    def __init__(self, step: SecondStep, tries: SecondStepTries, records: Records, events: AppEvents) -> None:
        self.step = step
        self.close = step.close
        self._tries = tries
        self._records = records
        self._events = events

    async def factors(self, link: Link | None, account: Account) -> Sequence[Factor]:
        """Return the factors that the holder of a live link, or of the password, is asked for. Raises Unavailable."""
        return await (self.step.proven_factors if link and link.recovers else self.step.factors)(account)

    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """Delete the additions that whoever reads the account's mailbox may undo (`own_step.RECENT`)."""
        if self.step.remove_recent(tx.connection, account.id):
            tx.audit.write(EVENT, "factors_undone", client, now(), account.id, account.email)

    async def change(
        self, account: Account, operator: Client, change: FactorChange, work: Callable[[Connection, str], _Result]
    ) -> _Result:
        """Run `work`, which changes the factors of the account with that id, for an operator.

        In one transaction with its audit entry and the mail to the owner (ASVS 6.3.7; NIST SP 800-63B-4 4.6).
        """
        moment, email = now(), account.email
        changed = SecondStepWasChanged(account_id=account.id, at=moment, client=operator, email=email, change=change)

        def write(tx: Transaction) -> _Result:
            tx.hold(account.id)
            result = work(tx.connection, account.id)
            message = tx.outbox.enqueue(SECOND_STEP_CHANGED, changed)
            email = addresses.normalize(account.email)
            tx.audit.write(EVENT, change, operator, moment, account.id, email, message_id=message)
            return result

        result = await self._records.transact(write)
        self._records.outbox.wake()
        return result

    async def begin(self, link: Link | None, account: Account, method: Method, client: Client) -> bool:
        """Send a code if the account has a factor of that kind; tell whether a code is sent for it.

        Raises TooManyRequests, Unavailable.
        """
        trial = SecondStepTry(account=account, method=method, link=link, client=client, moment=now())
        factors = await self.factors(link, account)
        if not any(factor.method == method for factor in factors) or not await self.step.begin(trial):
            return False
        await self._record("sent", trial)
        return True

    async def require(
        self, link: Link | None, account: Account, answer: SecondStepAnswer | None, client: Client
    ) -> PassedSecondStep | None:
        """Return the code to spend with the change or the session; None if the account has no second factor.

        Raises SecondStepRequired, SecondStepRejected, LinkDead after the last try, TooManyRequests if the account has
        no tries left today, Unavailable.
        """
        factors = await self.factors(link, account)
        if not factors:
            return None
        if answer is None or not any(factor.method == answer.method for factor in factors):
            raise SecondStepRequired(factors)
        if not answer.code.strip():
            sent = await self.begin(link, account, answer.method, client)
            raise SecondStepRequired(factors, answer.method if sent else "")
        trial = SecondStepTry(
            account=account, method=answer.method, code=answer.code, link=link, client=client, moment=now()
        )
        counted = await self._tries.count(trial)
        refusal: KeyturnError = SecondStepRejected(factors, counted.left)
        try:
            accepted = await self.step.verify(trial)
        except SecondStepUnfinished as unfinished:  # a factor has refused the code: guesses at it stay counted
            accepted, refusal = None, unfinished
        except Unavailable:  # this gives no verdict on the code
            await self._tries.give_back(trial)
            raise
        if accepted:  # whatever becomes of the change
            await self._tries.give_back(trial)
            too_late = SecondStepRejected(factors, counted.left + 1)
            return PassedSecondStep(trial=trial, accepted=accepted, refusal=too_late, tries=self._tries)
        reset_log.info(LogEvent("second_step.rejected", account_id=account.id))
        await self._record("rejected", trial)
        if counted.is_told:
            await self._tell(trial)
            if link:
                raise LinkDead("second_step")  # a holder of a live link may learn how it ended
        raise refusal

    async def _tell(self, trial: SecondStepTry) -> None:
        """Enqueue the mail and the app's event, and end the link. Of requests at once, the one that ends it tells."""
        account, client, link, moment = trial.account, trial.client, trial.link, now()
        failed = SecondStepHasFailed(
            account_id=account.id, at=moment, client=client, email=account.email, signing_in=link is None
        )

        def write(tx: Transaction) -> None:
            if link is None or secrets.end(tx.connection, *link.id, moment):
                message = tx.outbox.enqueue(SECOND_STEP_FAILED, failed)
                tx.audit.write(EVENT, "failed", client, moment, account.id, account.email, message_id=message)
                self._events.second_step_failed(tx, account, client, method=trial.method, moment=moment)

        await self._records.transact(write)
        reset_log.warning(LogEvent("second_step.failed", account_id=account.id))
        self._records.outbox.wake()

    async def _record(self, outcome: str, trial: SecondStepTry) -> None:
        await self._records.audit.record(EVENT, outcome, trial.client, trial.account.id, trial.account.email)
