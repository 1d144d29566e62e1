"""Requires the second factor of an account, if it has one, for a reset and for a sign-in."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from keyturn.errors import KeyturnError
from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.limits import Limit
from keyturn.service.one_time_secrets import OneTimeSecret
from keyturn.service.problems.proofs import Factor, LinkDead, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import SecondStepUnfinished, TooManyRequests, Unavailable
from keyturn.service.reset.events import AppEvents, SecondStepFailed, about
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.ports import FurtherProof, SecondStepCode
from keyturn.service.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.service.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.service.reset.proofs.second_step.port import Accepted, SecondStep, SecondStepTry
from keyturn.service.reset.records import messages
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.factories import product_of
from keyturn.service.settings.rates import DAY, Rate
from keyturn.service.telemetry.logs import LogEvent, reset_log

_Result = TypeVar("_Result")

FactorWork = Callable[[Connection, str], _Result]

EVENT = "second_step"
"""The event's name in the audit trail."""

_TRIES = 5
"""Wrong codes for a link, which then ends."""

_DAILY = 20
"""Wrong codes for an account in a day."""

_NOTICE = 30 * DAY
"""Seconds in which `_TRIES` wrong codes lead to a mail to the owner: a patient attacker tries only
few codes a day.
"""


class _TryLimits(NamedTuple):
    """The counters of an account's tries. `notice`: the owner is told once it is full."""

    daily: Limit
    notice: Limit


class _CountedTry(NamedTuple):
    """A try that was counted.

    `left`: further tries until the link ends; at a sign-in, those of the day.
    `is_last`: the owner is told if this one is wrong, and the link ends. This depends on the wrong
    codes of 30 days, too.
    """

    left: int
    is_last: bool


class RightCode(NamedTuple):
    """The `PassedStep` of an account: a code that was accepted.

    `too_late`: the error to raise if another request has used the code.
    """

    trial: SecondStepTry
    accepted: Accepted
    too_late: SecondStepRejected

    def spend(self, tx: Transaction, moment: datetime) -> None:
        if not self.accepted.spend(tx.connection, moment):
            raise self.too_late

    def give_back(self, tx: Transaction, moment: datetime) -> None:
        self.accepted.give_back(tx.connection, moment)

    def confirm(self, tx: Transaction) -> None:
        account = self.trial.account
        for limit in _limits_of(account):
            tx.counters.clear(limit)
        outcome = f"passed_{self.trial.method}"
        tx.audit.write(EVENT, outcome, self.trial.client, now(), account.id, account.email)


class RequiredStep(FurtherProof):
    """Lets a reset or a sign-in go on if the account has no second factor, or if the request has a
    right code.

    A link has five tries. An account has 20 a day over all of its links, which refill evenly (NIST
    SP 800-63B-4 3.2.2 asks for at most 100 in a row). At that rate, a guess of six digits, with
    three TOTP steps that work, is right once in 45 years.

    The owner gets a mail (NIST SP 800-63B-4 4.6), and the link ends, after every fifth wrong code
    of the account in 30 days, and after the last try that the link or the day allows. So neither
    many links nor one code a day stay unnoticed. The same holds for sign-ins.

    `own`: `step`, if Keyturn checks its codes itself; otherwise None.
    `builtin`: Keyturn's own store of factors, if `own` uses it; otherwise None.
    """

    def __init__(self, step: SecondStep, stores: Stores, events: AppEvents) -> None:
        self.step = step
        self._stores = stores
        self._events = events
        self.own: OwnSecondStep | None = None
        self.builtin: BuiltinFactors | None = None
        if isinstance(step, OwnSecondStep):
            self.own = step
            if isinstance(step.store, BuiltinFactors):
                self.builtin = step.store

    async def close(self) -> None:
        await self.step.close()

    async def factors(self, link: OneTimeSecret | None, account: Account) -> Sequence[Factor]:
        if link and link.recovers:
            return await self.step.proven_factors(account)
        return await self.step.factors(account)

    def undo_recent(self, tx: Transaction, account: Account, client: Client) -> None:
        if self.step.remove_recent(tx.connection, account.id):
            tx.audit.write(EVENT, "factors_undone", client, now(), account.id, account.email)

    async def change(
        self,
        account: Account,
        operator: Client,
        change: messages.FactorChange,
        work: FactorWork[_Result],
    ) -> _Result:
        """Run `work`, which changes the factors of an account, and return its result.

        The same transaction writes an audit entry and a mail to the owner (ASVS 6.3.7). `work` gets
        the connection and the account's id.
        """
        moment = now()
        changed = messages.SecondStepWasChanged(
            account_id=account.id, at=moment, client=operator, email=account.email, change=change
        )

        def write(tx: Transaction) -> _Result:
            tx.hold(account.id)
            result = work(tx.connection, account.id)
            message = tx.outbox.enqueue(messages.SECOND_STEP_CHANGED, changed)
            tx.audit.write(
                EVENT, change, operator, moment, account.id, account.email, message_id=message
            )
            return result

        return await self._stores.transact(write)

    async def require(
        self,
        link: OneTimeSecret | None,
        account: Account,
        answer: SecondStepCode | None,
        client: Client,
    ) -> RightCode | None:
        factors = await self.factors(link, account)
        if not factors:
            return None
        if answer is None or not any(factor.method == answer.method for factor in factors):
            raise SecondStepRequired(factors)
        trial = SecondStepTry(
            account=account, method=answer.method, code=answer.code or "", link=link, client=client
        )
        if trial.code.strip():
            return await self._check(trial, factors)
        raise await self._send_code(trial, factors)

    async def _send_code(
        self, trial: SecondStepTry, factors: Sequence[Factor]
    ) -> SecondStepRequired:
        """Send a code if the method sends codes; return the error that asks for it."""
        if not await self.step.begin(trial):
            return SecondStepRequired(factors)
        account = trial.account
        await self._stores.audit.record(EVENT, "sent", trial.client, account.id, account.email)
        return SecondStepRequired(factors, trial.method)

    async def _check(self, trial: SecondStepTry, factors: Sequence[Factor]) -> RightCode:
        """Count the try, and return the code if it is right.

        Raises SecondStepRejected, SecondStepUnfinished, LinkDead, TooManyRequests, Unavailable.
        """
        counted = await self._count(trial)
        accepted: Accepted | None = None
        refusal: KeyturnError = SecondStepRejected(factors, counted.left)
        try:
            accepted = await self.step.verify(trial)
        except SecondStepUnfinished as unfinished:
            # One factor has refused the code, so the guess at it stays counted.
            refusal = unfinished
        except Unavailable:
            # There is no verdict on the code.
            await self._give_back(trial)
            raise
        if accepted:
            # The try was right, even if the change fails.
            await self._give_back(trial)
            return RightCode(trial, accepted, SecondStepRejected(factors, counted.left + 1))
        account = trial.account
        reset_log.info(LogEvent("second_step.rejected", account_id=account.id))
        await self._stores.audit.record(EVENT, "rejected", trial.client, account.id, account.email)
        if counted.is_last:
            await self._tell(trial)
            if trial.link:
                raise LinkDead("second_step")  # the holder of the link may learn why it ended
        raise refusal

    async def _count(self, trial: SecondStepTry) -> _CountedTry:
        """Count a try, and commit that before any comparison. Raises LinkDead, TooManyRequests."""

        def count(tx: Transaction) -> _CountedTry:
            # Hold the account, as every change of it does: otherwise two of its links could wait
            # for each other (a deadlock).
            tx.hold(trial.account.id)
            of_link = _TRIES
            if trial.link:
                tried = one_time_secrets.count_try(tx.connection, *trial.link.id, trial.moment)
                of_link -= tried.tries
                if of_link < 0 or tried.dead_reason(trial.moment):
                    # The link is not ended here: a try that has begun may be right. If the last try
                    # is wrong, its own request ends the link.
                    raise LinkDead("invalid")
            limits = _limits_of(trial.account)
            day = tx.counters.count(limits.daily)
            if day.full:
                raise TooManyRequests(day.wait)
            notice = tx.counters.count(limits.notice)
            to_notice = _TRIES - limits.notice.used(notice.levels[limits.notice])
            if to_notice <= 0:  # the next notice is as many tries away
                tx.counters.clear(limits.notice)
            today = _DAILY - limits.daily.used(day.levels[limits.daily])
            fewest = max(0, min(of_link, to_notice, today))
            # A sign-in goes on after a notice to the owner, so its user has what the day leaves.
            left = fewest if trial.link else today
            return _CountedTry(left=left, is_last=fewest == 0)

        return await self._stores.transact(count)

    async def _give_back(self, trial: SecondStepTry) -> None:
        """Undo one count: the code was right or could not be judged."""

        def write(tx: Transaction) -> None:
            tx.hold(trial.account.id)
            if trial.link:
                one_time_secrets.give_try_back(tx.connection, *trial.link.id)
            for limit in _limits_of(trial.account):
                tx.counters.give_back(limit)

        await self._stores.transact(write)

    async def _tell(self, trial: SecondStepTry) -> None:
        """Enqueue the mail and the app's event, and end the link.

        Of concurrent requests, only the one that ends the link does this.
        """
        account = trial.account
        client = trial.client
        link = trial.link
        moment = now()
        failed = messages.SecondStepHasFailed(
            account_id=account.id,
            at=moment,
            client=client,
            email=account.email,
            signing_in=link is None,
        )

        def write(tx: Transaction) -> None:
            if link is None or one_time_secrets.end(tx.connection, link, moment):
                message = tx.outbox.enqueue(messages.SECOND_STEP_FAILED, failed)
                tx.audit.write(
                    EVENT, "failed", client, moment, account.id, account.email, message_id=message
                )
                event = SecondStepFailed(**about(account, client), method=trial.method)
                self._events.write(tx, event, moment)

        await self._stores.transact(write)
        reset_log.warning(LogEvent("second_step.failed", account_id=account.id))


def _limits_of(account: Account) -> _TryLimits:
    return _TryLimits(
        daily=Limit(Rate(_DAILY, DAY), "second step", account.id),
        notice=Limit(Rate(_TRIES, _NOTICE), "second step notice", account.id),
    )


def build(
    settings: Settings, stores: Stores, themes: Themes, events: AppEvents
) -> RequiredStep | None:
    """Return the step that the settings name, None if they name none. Raises SettingsInvalid."""
    wanted = settings.second_step
    accounts = settings.accounts
    sms_codes = None
    if wanted.sms.account:
        from keyturn.service.reset.proofs.second_step.sms import SmsCodes

        sms_codes = SmsCodes(settings, stores, themes)
    step: SecondStep
    match wanted.source:
        case "none":
            return None
        case "builtin":
            own_factors = BuiltinFactors(stores.database, stores.keys)
            step = OwnSecondStep(stores.database, own_factors, sms_codes)
        case "supabase":
            from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep

            step = SupabaseSecondStep(accounts.supabase)
        case "table":
            from keyturn.service.reset.proofs.second_step.app_factors import TableFactors

            app_factors = TableFactors(stores.database, wanted.table, accounts.table)
            step = OwnSecondStep(stores.database, app_factors, sms_codes)
        case reference:
            step = product_of(
                reference,
                settings,
                SecondStep,  # type: ignore[type-abstract]  # it is not called
                "second_step.source",
            )
    return RequiredStep(step, stores, events)
