"""A new password for an account in another system, which cannot join a transaction here.

The authorization is redeemed and committed first, so that nobody else can use it; then the store is asked. Where it
says yes, the effects follow; where it says anything else, the authorization is given back. A process that dies in
between leaves a promise in the outbox: whether the store had the password by then cannot be known, so the effects
follow as if it had (`delivery/interrupted_change.py`), since a password that was set without a word is worse than a
confirmation too many (NIST SP 800-63B 4.6).
"""

import asyncio
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import AccountStore, NewPassword
from keyturn.database import Database, now
from keyturn.errors import AccountsUnready, Busy
from keyturn.outbox import Outbox
from keyturn.reset.changes.authorization import Change
from keyturn.reset.changes.effects import ChangeEffects
from keyturn.reset.records.account_lock import acquire_account_lock, release_account_lock
from keyturn.reset.records.messages import CHANGE_BEGUN, ChangeBegun

_PATIENCE = 45.0
"""Seconds that the store gets, the wait for a hash included."""

_LOCK = timedelta(seconds=60)
"""Longer than the patience: nobody else's change of the same account can begin before this one has ended."""

_RETRY_AFTER = 5


class _Begun(msgspec.Struct, frozen=True):
    """What was committed before the store is asked: the lock on the account, and the promise in the outbox."""

    lock: str
    message_id: int
    moment: datetime


class ExternalStoreChanges:
    """Sets a password in a store that is in another system, one change of an account at a time."""

    def __init__(self, database: Database, accounts: AccountStore, outbox: Outbox, effects: ChangeEffects) -> None:
        self._database = database
        self._accounts = accounts
        self._outbox = outbox
        self._effects = effects
        self._under_way: set[asyncio.Task[None]] = set()

    async def make(self, change: Change, password: NewPassword) -> None:
        """Do it all, or nothing. Raises what authorization and store do, and Busy while another change is under way."""
        begun = await self._redeem_and_promise(change)
        # A client that hangs up, or a server that is told to stop, must not leave it half done.
        task = asyncio.create_task(self._ask_store(change, password, begun))
        self._under_way.add(task)
        task.add_done_callback(self._forget_task)
        await asyncio.shield(task)

    async def _redeem_and_promise(self, change: Change) -> _Begun:
        moment, clock = now(), self._database.clock
        async with self._database.transaction() as session:
            await change.authorization.redeem(session, moment)
            lock = await acquire_account_lock(session, change.account.id, clock(), clock(_LOCK))
            if lock is None:
                raise Busy(_RETRY_AFTER)
            payload = ChangeBegun(
                account_id=change.account.id, at=moment, client=change.client, how=change.authorization.how
            )
            message_id = await self._outbox.enqueue(session, CHANGE_BEGUN, payload, due=clock(_LOCK))
            await session.commit()
        return _Begun(lock, message_id, moment)

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone, and then nobody else looks at it

    async def _ask_store(self, change: Change, password: NewPassword, begun: _Begun) -> None:
        stored = False
        try:
            async with asyncio.timeout(_PATIENCE):
                stored = await self._accounts.set_password(change.account, password)
        except TimeoutError:
            raise AccountsUnready("the store of the accounts does not answer") from None
        finally:
            if not stored:
                await self._undo(change, begun)
        if not stored:
            raise change.authorization.refusal()
        async with self._database.transaction() as session:
            await self._release(session, begun)
            # Whoever has just verified the old password opens no session after this.
            await self._database.hold(session, change.account.id)
            await self._effects.write(session, change.account, change.client, change.authorization.how, begun.moment)
            await change.authorization.after_change(session)
            await session.commit()

    async def _undo(self, change: Change, begun: _Begun) -> None:
        async with self._database.transaction() as session:
            await self._release(session, begun)
            await change.authorization.give_back(session, begun.moment)
            await session.commit()

    async def _release(self, session: AsyncSession, begun: _Begun) -> None:
        await release_account_lock(session, begun.lock)
        await self._outbox.withdraw(session, begun.message_id)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)
