"""Sets a new password for an account in another system, which cannot join a transaction here.

Its link or session is redeemed and committed first, so that no other request can use it; then the
store is asked. If it says yes, the effects follow. If it certainly refuses, the link works again.
In all other cases (a lost answer, a time-out, a process that dies, a database that takes no answer
back) the store may have the password, so the effects follow as if it had. A superfluous
confirmation is better than a silent change (NIST SP 800-63B 4.6).

If this process does not write the effects, a promise in the outbox does (`end_interrupted`). The
process or worker that withdraws the promise writes the outcome, so there is one confirmation, even
after a stall.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import msgspec

from keyturn.service import one_time_secrets
from keyturn.service.accounts.port import Account, Ended, NewPassword
from keyturn.service.clock import now, random_bytes
from keyturn.service.one_time_secrets import Purpose, SecretRow
from keyturn.service.outbox.message import Dropped, Message, Settlement
from keyturn.service.problems.passwords import ChangeRefused, OutcomeUnknown, PasswordRejected
from keyturn.service.problems.requests import AccountsUnready, Busy, DatabaseUnready
from keyturn.service.reset.change import Change, ChangeEffects, ended_by
from keyturn.service.reset.records.messages import CHANGE_BEGUN, ChangeBegun
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.telemetry.logs import LogEvent, reset_log

_PATIENCE = 45.0
"""Seconds from the promise until the store must have answered, the wait for a hash included."""

_LOCK = timedelta(seconds=60)
"""Longer than the patience: no other change of the same account can begin before this one has
ended.
"""


class _Begun(msgspec.Struct, frozen=True):
    """What is committed before the store is asked.

    `deadline`: by the event loop's clock, which counts a stall.
    """

    lock: str
    change: ChangeBegun
    account: Account
    deadline: float


class ExternalStoreChanges:
    """Sets passwords in a store of another system, one change of an account at a time."""

    def __init__(self, stores: Stores, effects: ChangeEffects) -> None:
        self._stores = stores
        self._effects = effects
        self._under_way: set[asyncio.Task[None]] = set()

    async def make(self, change: Change, password: NewPassword) -> None:
        """Make the whole change or none.

        Raises what it and the store do, OutcomeUnknown, Busy during another one.
        """
        begun = await self._redeem_and_promise(change)
        # A client that disconnects, or a server that stops, must not leave the change half done.
        task = asyncio.create_task(self._ask_store(change, password, begun))
        self._under_way.add(task)
        task.add_done_callback(self._forget_task)
        await asyncio.shield(task)

    async def _redeem_and_promise(self, change: Change) -> _Begun:
        begun, deadline = change.begun(now()), asyncio.get_running_loop().time() + _PATIENCE
        clock = self._stores.database.clock

        def write(tx: Transaction) -> _Begun:
            tx.hold(change.account.id)  # another change may just be ending this session
            # The link or session before the lock, as at the end of a change: two links of an
            # account cannot deadlock.
            account = change.redeem(tx, begun.at)
            lock, of = random_bytes(16).hex(), change.account.id
            key = Purpose.CHANGE, one_time_secrets.key_of(f"change {of}")
            if not one_time_secrets.take(
                tx.connection, key, of, clock(), clock(_LOCK), lock.encode()
            ):
                raise Busy
            tx.outbox.enqueue(CHANGE_BEGUN, begun, due=clock(_LOCK), key=lock)
            return _Begun(lock, begun, account, deadline)

        return await self._stores.transact_once(write)

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone, and an unread exception would be reported

    async def _ask_store(self, change: Change, password: NewPassword, begun: _Begun) -> None:
        try:
            async with asyncio.timeout_at(begun.deadline):
                ended = ended_by(await self._stores.accounts.set_password(begun.account, password))
        except Exception as error:
            is_no = isinstance(error, PasswordRejected | ChangeRefused | Busy)
            if is_no or (isinstance(error, AccountsUnready) and error.not_changed):
                await self._undo(change, begun)
                raise
            reset_log.exception(LogEvent("change.outcome_unknown", account_id=change.account.id))
            with suppress(DatabaseUnready):  # the promise handles it
                await self._end(change, begun, None)
            raise OutcomeUnknown(
                "it is unknown whether the store of the accounts saved the password"
            ) from error
        if ended is None:
            await self._undo(change, begun)
            raise change.refusal()
        try:
            await self._end(change, begun, ended)
        except DatabaseUnready as error:
            # The store has the password, so "try again" would be wrong. The promise handles the
            # rest.
            raise OutcomeUnknown(
                "the password was changed, but the records of the change could not be written"
            ) from error

    async def _undo(self, change: Change, begun: _Begun) -> None:
        """Let the link work again, unless the effects of the change were written
        in the meantime.
        """

        def write(tx: Transaction) -> None:
            if tx.outbox.withdraw(begun.lock):
                change.give_back(tx, begun.change.at)
            _release(tx, begun)  # last: see `_redeem_and_promise`

        await self._stores.transact(write)

    async def _end(self, change: Change, begun: _Begun, ended: Ended | None) -> None:
        """Write the effects.

        `ended`: None if the answer was lost; the store may be at work, so the lock stays.
        """
        account, how = begun.account, begun.change.how

        def write(tx: Transaction) -> None:
            # A client that has just verified the old password can open no session after this.
            tx.hold(account.id)
            if tx.outbox.withdraw(begun.lock):
                self._effects.write(tx, account, begun.change, ended)
            elif (
                ended is not None
            ):  # the promise was handled while this process stalled, before the old password ended
                self._effects.end_access(tx, account.id, begun.change.at, how=how)
            if ended is not None:
                change.after_change(tx)
                _release(tx, begun)

        await self._stores.transact(write)

    async def end_interrupted(self, message: Message) -> Settlement:
        """End a change that its process did not end, with an unknown outcome.

        Raises AccountsUnready.
        """
        begun = msgspec.json.decode(message.payload, type=ChangeBegun)
        account = await self._stores.accounts.get(begun.account_id)
        if account is None:
            return Dropped("no_account")

        def write(tx: Transaction) -> str:
            tx.hold(begun.account_id)
            # Withdrawing the promise decides who writes the outcome: the process may only have
            # stalled, and be first after all.
            if not tx.outbox.withdraw(message.key):
                return "ended"
            self._effects.write(tx, account, begun, None)
            return "interrupted"

        return Dropped(await self._stores.transact(write))

    async def close(self) -> None:
        """Wait for changes that are under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)


def _release(tx: Transaction, begun: _Begun) -> None:
    """Release the account.

    If the lock had ended and another change holds the account by now, that lock stays.
    """
    one_time_secrets.delete(
        tx.connection, begun.account.id, [Purpose.CHANGE], SecretRow.proof == begun.lock.encode()
    )
