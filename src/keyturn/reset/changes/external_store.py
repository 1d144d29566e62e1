"""A new password for an account in another system, which cannot join a transaction here.

The permit is used up and committed first, so that nobody else can use it; then the store is asked. Where it says yes,
the consequences follow; where it says anything else, the permit is given back. A process that dies in between leaves a
promise in the outbox: whether the store had the password by then cannot be known, so the consequences follow as if it
had, since a password that was set without a word is worse than a confirmation too many (NIST SP 800-63B 4.6).
"""

import asyncio
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from keyturn.accounts.port import AccountStore, NewPassword
from keyturn.database import Database, now
from keyturn.errors import AccountsUnready, Busy
from keyturn.outbox import Message, Outbox
from keyturn.reset.changes.authorization import Change
from keyturn.reset.changes.effects import ChangeEffects
from keyturn.reset.records.account_lock import acquire_account_lock, release_account_lock
from keyturn.reset.records.messages import CHANGE_BEGUN, ChangeBegun

_PATIENCE = 45.0
"""Seconds that the store gets, the wait for a hash included."""

_TURN = timedelta(seconds=60)
"""Longer than the patience: nobody else's change of the same account can begin before this one has ended."""

_RETRY_AFTER = 5


class _Begun(msgspec.Struct, frozen=True):
    """What was committed before the store is asked: the turn, and the promise in the outbox."""

    turn: str
    promise: int
    moment: datetime


class ExternalStoreChanges:
    def __init__(self, database: Database, accounts: AccountStore, outbox: Outbox, consequences: ChangeEffects) -> None:
        self._database = database
        self._accounts = accounts
        self._outbox = outbox
        self._consequences = consequences
        self._under_way: set[asyncio.Task[None]] = set()

    async def make(self, change: Change, password: NewPassword) -> None:
        """Do it all, or nothing. Raises what permit and store do, and Busy while another change is under way."""
        begun = await self._begin(change)
        # A client that hangs up, or a server that is told to stop, must not leave it half done.
        task = asyncio.create_task(self._ask_and_end(change, password, begun))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        await asyncio.shield(task)

    async def _begin(self, change: Change) -> _Begun:
        moment = now()
        async with self._database.transaction() as session:
            await change.permit.use(session, moment)
            turn = await acquire_account_lock(session, change.account.id, moment, moment + _TURN)
            if turn is None:
                raise Busy(_RETRY_AFTER)
            payload = ChangeBegun(account_id=change.account.id, at=moment, client=change.client, how=change.permit.how)
            promise = await self._outbox.enqueue(session, CHANGE_BEGUN, payload, due=moment + _TURN)
            await session.commit()
        return _Begun(turn, promise, moment)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone, and then nobody else looks at it

    async def _ask_and_end(self, change: Change, password: NewPassword, begun: _Begun) -> None:
        stored = False
        try:
            async with asyncio.timeout(_PATIENCE):
                stored = await self._accounts.set_password(change.account, password)
        except TimeoutError:
            raise AccountsUnready("the store of the accounts does not answer") from None
        finally:
            if not stored:
                await self._take_back(change, begun)
        if not stored:
            raise change.permit.refusal()
        async with self._database.transaction() as session:
            await self._end(session, begun)
            # Whoever has just verified the old password opens no session after this.
            await self._database.hold(session, change.account.id)
            await self._consequences.write(session, change.account, change.client, change.permit.how, begun.moment)
            await change.permit.succeed(session)
            await session.commit()

    async def _take_back(self, change: Change, begun: _Begun) -> None:
        async with self._database.transaction() as session:
            await self._end(session, begun)
            await change.permit.give_back(session, begun.moment)
            await session.commit()

    async def _end(self, session: AsyncSession, begun: _Begun) -> None:
        await release_account_lock(session, begun.turn)
        await self._outbox.withdraw(session, begun.promise)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def end_interrupted(self, message: Message) -> str:
        """Do what a process that died could not, for its promise; return what became of it. Raises AccountsUnready."""
        begun = msgspec.json.decode(message.payload, type=ChangeBegun)
        account = await self._accounts.get(begun.account_id)
        if account is None:
            return "no_account"
        async with self._database.transaction() as session:
            await self._outbox.withdraw(session, message.id)  # with the rest, or a second try would do it all again
            await self._consequences.write(session, account, begun.client, begun.how, begun.at, outcome="interrupted")
            await session.commit()
        self._outbox.waiting.set()
        return "interrupted"
