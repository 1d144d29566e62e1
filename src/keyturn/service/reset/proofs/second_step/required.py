"""Requires a second factor for a reset and for a sign-in at Keyturn, besides link or password, if there is one."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from keyturn.service import secrets
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.problems.proofs import Factor, LinkDead, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import SecondStepUnfinished, Unavailable
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.service.reset.proofs.second_step.port import SIGN_IN, Accepted, Method, SecondStep, SecondStepTry
from keyturn.service.reset.proofs.second_step.tries import SecondStepTries
from keyturn.service.reset.records.client import Client
from keyturn.service.reset.records.links import Link
from keyturn.service.reset.records.messages import SECOND_STEP_FAILED, SecondStepHasFailed
from keyturn.service.reset.records.stores import Records, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log

EVENT = "second_step"
"""The event's name in the audit trail."""


class SecondStepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The second step that came with a password: a code and its method. `code` is "" to request a code."""

    method: Method
    code: str = ""


class PassedSecondStep:
    """A right code: the change that it allows uses it up, and gives it back if the change fails.

    `refusal`: the error to raise if another request has used the code up.
    """

    def __init__(
        self, trial: SecondStepTry, accepted: Accepted, refusal: SecondStepRejected, tries: SecondStepTries
    ) -> None:
        self._trial = trial
        self._accepted = accepted
        self._refusal = refusal
        self._tries = tries

    def spend(self, tx: Transaction, moment: datetime) -> None:
        """Use the code up in the change's transaction. Raises SecondStepRejected if another request was quicker."""
        if not self._accepted.spend(tx.connection, moment):
            raise self._refusal

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        """Undo `spend`, which was committed at that moment."""
        self._accepted.give_back(tx.connection, moment)

    def confirm(self, tx: Transaction) -> None:
        """Record that the step was passed and reset the account's count, in the transaction that ends the change."""
        account, outcome = self._trial.account, f"passed_{self._trial.method}"
        self._tries.forget(tx.connection, account.id)
        tx.audit.write(EVENT, outcome, self._trial.client, now(), account.id, account.email)


class RequiredSecondStep:
    """Lets a reset or a sign-in go on if the account has no second factor, or if its request has a right code.

    A reset has a link; without one, a user who knows the password signs in. The audit trail records failures. After
    its last try a link ends, and its owner gets a mail.
    """

    def __init__(self, step: SecondStep, tries: SecondStepTries, records: Records, events: AppEvents) -> None:
        self.step = step
        self._tries = tries
        self._records = records
        self._events = events

    async def factors(self, link: Link | None, account: Account) -> Sequence[Factor]:
        """Return the factors that the holder of a live link, or of the password, is asked for. Raises Unavailable."""
        if link and link.recovers and isinstance(self.step, OwnSecondStep):
            return await self.step.factors(account, unless_recent=True)
        return await self.step.factors(account)

    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        """Delete the additions that whoever reads the account's mailbox may undo (`factor_table.RECENT`)."""
        if isinstance(self.step, OwnSecondStep) and self.step.remove_recent(tx.connection, account.id):
            tx.audit.write(EVENT, "factors_undone", client, now(), account.id, account.email)

    async def begin(self, link: Link, account: Account, method: Method, client: Client) -> bool:
        """Send a code if the account has a factor of that kind; tell whether a code is sent for it.

        Raises TooManyRequests, Unavailable.
        """
        if method not in {factor.method for factor in await self.factors(link, account)}:
            return False
        return await self._begin(link, account, method, client)

    async def _begin(self, link: Link | None, account: Account, method: Method, client: Client) -> bool:
        trial = _trial(link, account, SecondStepAnswer(method=method), client)
        if not await self.step.begin(trial):
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
        if answer is None or answer.method not in {factor.method for factor in factors}:
            raise SecondStepRequired(factors)
        if not answer.code.strip():
            sent = await self._begin(link, account, answer.method, client)
            raise SecondStepRequired(factors, answer.method if sent else "")
        trial = _trial(link, account, answer, client)
        counted = await self._tries.count(link, account.id, trial.moment)
        if counted is None:  # the request whose last try is wrong ends the link; a try under way may be right
            raise LinkDead("invalid")
        unfinished: SecondStepUnfinished | None = None
        try:
            if accepted := await self._verify(link, trial):
                refusal = SecondStepRejected(factors, counted.left + 1)
                return PassedSecondStep(trial, accepted, refusal, self._tries)
        except SecondStepUnfinished as error:
            unfinished = error
        reset_log.info(LogEvent("second_step.rejected", account_id=account.id))
        await self._record("rejected", trial)
        if counted.is_told:
            await self._tell(trial, link)
            if link:
                raise LinkDead("second_step")  # a holder of a live link may learn how it ended
        raise unfinished or SecondStepRejected(factors, counted.left)

    async def _verify(self, link: Link | None, trial: SecondStepTry) -> Accepted | None:
        """Return the verdict. The try is given back unless the code was wrong, whatever becomes of the change."""
        try:
            accepted = await self.step.verify(trial)
        except SecondStepUnfinished:  # a factor has refused the code, and guesses at it must stay counted
            raise
        except Unavailable:  # this gives no verdict on the code
            await self._tries.give_back(link, trial.account.id)
            raise
        if accepted:
            await self._tries.give_back(link, trial.account.id)
        return accepted

    async def _tell(self, trial: SecondStepTry, link: Link | None) -> None:
        """Enqueue the mail and the app's event, and end the link. Of requests at once, the one that ends it tells."""
        account, client, moment = trial.account, trial.client, now()
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

    async def close(self) -> None:
        await self.step.close()


def _trial(link: Link | None, account: Account, answer: SecondStepAnswer, client: Client) -> SecondStepTry:
    reset_id = link.key.hex() if link else SIGN_IN
    return SecondStepTry(
        account=account, method=answer.method, code=answer.code, reset_id=reset_id, client=client, moment=now()
    )
