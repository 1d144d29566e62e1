"""The change of a password, from what allows it to its end.

A link (`change_by_link.py`) or an open session (`sign_in.py`) allows the change. There are two
ways to make it, and the store of the accounts decides which.

**The store is in Keyturn's database.** One transaction uses the link up, sets the password and
writes the effects.

**The store is another system, which cannot join a transaction here.** First the link or session is
used up, and committed, so that no other request can use it. Then the store is asked. If it sets the
password, the effects follow. If it certainly refuses, the link works again. In all other cases (a
lost answer, a time-out, a process that dies, a database that is down afterwards) the store may have
the password, so the effects follow as if it had. A superfluous confirmation is better than a silent
change (NIST SP 800-63B 4.6).

**If the answer to a commit is lost, the outcome is unknown**, and never a no: the change may be in
the database. `Stores.transact_change` then raises OutcomeUnknown (504), and nothing runs again. The
same holds if the store's own answer is lost.

If this process does not write the effects, a worker does, by a message in the outbox
(`end_interrupted`). The one that withdraws that message writes the outcome, so there is one
confirmation, even after a process has stalled.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from keyturn.errors import KeyturnError
from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.client import Client
from keyturn.service.clock import now, random_bytes
from keyturn.service.one_time_secrets import How, Purpose, SecretRow
from keyturn.service.outbox.message import Dropped, Message, Settlement
from keyturn.service.problems.passwords import ChangeRefused, OutcomeUnknown, PasswordRejected
from keyturn.service.problems.requests import AccountsUnready, Busy, DatabaseUnready
from keyturn.service.reset.change_effects import ChangeEffects, ended_by
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.records.messages import CHANGE_BEGUN, ChangeBegun
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log

_PATIENCE = 45.0
"""Seconds from the message in the outbox until a store in another system must have answered. They
include the wait for a hash.
"""

_RESERVED_FOR = timedelta(seconds=60)
"""How long the account is reserved for a change: longer than `_PATIENCE`, so that no other change
of the same account begins before this one has ended.
"""


@dataclass(eq=False, repr=False, kw_only=True)
class Change(ABC):
    """A new password for an account, and the client that asks for it.

    A subclass says what allows it: a link, or an open session.
    """

    account: Account
    password: str
    client: Client
    how: ClassVar[How]

    async def require_second_step(self) -> None:  # noqa: B027 - may be left out
        """Check the second step, after the password has passed all rules.

        Raises if it is missing or wrong.
        """

    @property
    @abstractmethod
    def is_proven(self) -> bool:
        """Whether the client has proved more than control of a mailbox.

        An open session with the current password proves more, and so does a second factor.
        """

    @abstractmethod
    def redeem(self, tx: Transaction, moment: datetime) -> Account:
        """Use up what allows the change.

        Return the account, `intruded` if an intrusion is suspected. Raises the error of a link or a
        session that does not work any more.
        """

    def give_back(self, tx: Transaction, moment: datetime) -> None:  # noqa: B027 - may be left out
        """Undo `redeem`, which was committed with the time `moment`: the store has refused the
        password.
        """

    @abstractmethod
    def refusal(self) -> KeyturnError:
        """Return the error to raise if the account was disabled, or got another address, since it
        was looked up.
        """

    def after_change(self, tx: Transaction) -> None:  # noqa: B027 - may be left out
        """Write further effects in the transaction that ends the change."""


class _PromisedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change in another system that was committed before its store is asked.

    `reservation`: a random value that marks the account as reserved, and is the key of the message
    in the outbox.
    `account`: the account as `redeem` returned it.
    `deadline`: until when the store must answer, by the event loop's clock, in seconds. That clock
    goes on while the process stalls.
    """

    reservation: str
    begun: ChangeBegun
    account: Account
    deadline: float


class PasswordChanges:
    """Sets passwords, in Keyturn's transaction if the store joins it, otherwise in another system,
    one change of an account at a time.
    """

    def __init__(
        self, stores: Stores, policy: PasswordPolicy, hasher: PasswordHasher, effects: ChangeEffects
    ) -> None:
        self._stores = stores
        self._policy = policy
        self._hasher = hasher
        self._effects = effects
        self._joins = stores.accounts.offers(AccountStore.set_password_within)
        self._under_way: set[asyncio.Task[None]] = set()

    async def make(self, change: Change) -> None:
        """Make the whole change or none of it.

        Raises the errors of `change` and of a store in another system, PasswordRejected,
        ChangeRefused, AccountsUnready, OutcomeUnknown, and Busy, also if another change of the
        account is under way.
        """
        await self._policy.require(change.password, change.account.email)
        await change.require_second_step()
        if self._joins:
            await self._change_here(change)
        else:
            await self._change_elsewhere(change)

    # The store is in Keyturn's database

    async def _change_here(self, change: Change) -> None:
        password_hash = await self._hasher.hash(change.password)
        moment = now()

        def write(tx: Transaction) -> None:
            # One change of an account at a time: if two of its links are used at once, each would
            # wait for the other to end (a deadlock).
            tx.hold(change.account.id)
            account = change.redeem(tx, moment)
            stored = self._stores.accounts.set_password_within(
                tx.connection, account, password_hash
            )
            ended = ended_by(stored)
            if ended is None:
                raise change.refusal()
            self._effects.write(tx, account, _begun(change, moment), ended)
            change.after_change(tx)

        await self._stores.transact_change(write)

    # The store is another system

    async def _change_elsewhere(self, change: Change) -> None:
        password = NewPassword(change.password, self._hasher.hash)
        promised = await self._redeem_and_promise(change)
        # A client that disconnects, or a server that stops, must not leave the change half done.
        task = asyncio.create_task(self._ask_and_end(change, password, promised))
        self._under_way.add(task)
        task.add_done_callback(self._forget_task)
        await asyncio.shield(task)

    async def _redeem_and_promise(self, change: Change) -> _PromisedChange:
        begun = _begun(change, now())
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        clock = self._stores.database.clock

        def write(tx: Transaction) -> _PromisedChange:
            account_id = change.account.id
            tx.hold(account_id)  # another change may be ending this session right now
            # The link or session comes before the reservation, as at the end of a change: so two
            # links of an account cannot deadlock.
            account = change.redeem(tx, begun.at)
            reservation = random_bytes(16).hex()
            is_reserved = one_time_secrets.take(
                tx.connection,
                (Purpose.CHANGE, one_time_secrets.key_of(f"change {account_id}")),
                account_id,
                clock(),
                clock(_RESERVED_FOR),
                reservation.encode(),
            )
            if not is_reserved:
                raise Busy
            tx.outbox.enqueue(CHANGE_BEGUN, begun, due=clock(_RESERVED_FOR), key=reservation)
            return _PromisedChange(
                reservation=reservation, begun=begun, account=account, deadline=deadline
            )

        return await self._stores.transact_change(write)

    async def _ask_and_end(
        self, change: Change, password: NewPassword, promised: _PromisedChange
    ) -> None:
        try:
            ended = await self._ask_store(password, promised)
        except Exception as error:
            if _is_certain_no(error):
                await self._undo(change, promised)
                raise
            reset_log.exception(LogEvent("change.outcome_unknown", account_id=change.account.id))
            with contextlib.suppress(DatabaseUnready):  # the message in the outbox does the rest
                await self._end(change, promised, None)
            raise OutcomeUnknown(
                "it is unknown whether the store of the accounts saved the password"
            ) from error
        if ended is None:
            await self._undo(change, promised)
            raise change.refusal()
        try:
            await self._end(change, promised, ended)
        except DatabaseUnready as error:
            # The store has the password, so "try again" would be wrong. The message in the outbox
            # does the rest.
            raise OutcomeUnknown(
                "the password was changed, but the records of the change could not be written"
            ) from error

    async def _ask_store(self, password: NewPassword, promised: _PromisedChange) -> Ended | None:
        async with asyncio.timeout_at(promised.deadline):
            stored = await self._stores.accounts.set_password(promised.account, password)
            return ended_by(stored)

    async def _undo(self, change: Change, promised: _PromisedChange) -> None:
        """Let the link work again, unless a worker has written the effects in the meantime."""

        def write(tx: Transaction) -> None:
            if tx.outbox.withdraw(promised.reservation):
                change.give_back(tx, promised.begun.at)
            _release(tx, promised)  # last: see `_redeem_and_promise`

        await self._stores.transact(write)

    async def _end(self, change: Change, promised: _PromisedChange, ended: Ended | None) -> None:
        """Write the effects.

        `ended`: what the store has ended; None if its answer was lost. The store may still be at
        work then, so the reservation stays until it expires.
        """
        account = promised.account
        begun = promised.begun

        def write(tx: Transaction) -> None:
            # After this, a client that has just proved the old password cannot open a session.
            tx.hold(account.id)
            if tx.outbox.withdraw(promised.reservation):
                self._effects.write(tx, account, begun, ended)
            elif ended is not None:
                # A worker wrote the effects while this process stalled, when the old password still
                # worked: sessions of that time end now.
                self._effects.end_access(tx, account.id, begun.at, begun.how)
            if ended is not None:
                change.after_change(tx)
                _release(tx, promised)

        await self._stores.transact(write)

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone, and an unread exception would be reported

    async def end_interrupted(self, message: Message) -> Settlement:
        """Write the effects of a change whose process did not end it. Its outcome is unknown.

        Raises AccountsUnready.
        """
        begun = msgspec.json.decode(message.payload, type=ChangeBegun)
        account = await self._stores.accounts.get(begun.account_id)
        if account is None:
            return Dropped("no_account")

        def write(tx: Transaction) -> str:
            tx.hold(begun.account_id)
            # Withdrawing the message decides who writes the outcome: the process may have stalled
            # only, and be faster after all.
            if not tx.outbox.withdraw(message.key):
                return "ended"
            self._effects.write(tx, account, begun, None)
            return "interrupted"

        return Dropped(await self._stores.transact(write))

    async def close(self) -> None:
        """Wait for changes that are under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)


def _begun(change: Change, moment: datetime) -> ChangeBegun:
    """Return the record of a change that begins."""
    return ChangeBegun(
        account_id=change.account.id,
        at=moment,
        client=change.client,
        how=change.how,
        email=change.account.email,
        is_proven=change.is_proven,
    )


def _is_certain_no(error: Exception) -> bool:
    """Return whether a store has certainly not saved the password (`AccountStore.set_password`)."""
    if isinstance(error, AccountsUnready):
        return error.not_changed
    return isinstance(error, PasswordRejected | ChangeRefused | Busy)


def _release(tx: Transaction, promised: _PromisedChange) -> None:
    """Release the account.

    If the reservation has expired and another change has reserved the account by now, that one
    stays.
    """
    is_own = SecretRow.proof == promised.reservation.encode()
    one_time_secrets.delete(tx.connection, promised.account.id, [Purpose.CHANGE], is_own)
