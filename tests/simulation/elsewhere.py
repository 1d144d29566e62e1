"""Accounts in another system, which cannot join a transaction of Keyturn's, and whose answers come late or never."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import NamedTuple

from tests.simulation.loop import PROCESS
from tests.simulation.story import Story
from tests.simulation.template import ADA, BEA, CARL, DAN, EVE, GRACE

from keyturn.service import addresses
from keyturn.service.accounts.port import Account, NewPassword
from keyturn.service.problems.requests import AccountsUnready

_LONGEST = 55.0
"""Seconds until a late password is stored: longer than Keyturn waits, and shorter than it locks the account."""


class Stored(NamedTuple):
    """A password that the other system has stored."""

    account_id: str
    password: str


class OtherSystem:
    """The other system: one for all processes of a world. `trouble`: the share of calls that meet a fault.

    `most_at_once`: the most changes of one account that were under way at a time.
    """

    def __init__(self, random: Random, story: Story) -> None:
        self.accounts = {
            one.id: one
            for one in (
                Account(id="ada", email=ADA, name="Ada"),
                Account(id="bea", email=BEA, name="Bea"),
                Account(id="carl", email=CARL, name="Carl"),
                Account(id="grace", email=GRACE, name="Grace", has_password=False, provider="Google"),
                Account(id="dan", email=DAN, name="Dan", active=False),
                Account(id="eve\ud800", email=EVE, name="Eve"),
            )
        }
        self.trouble = 0.0
        self.stored: list[Stored] = []
        self.most_at_once = 0
        self._random = random
        self._story = story
        self._under_way = Counter[str]()
        self._context = Context()
        self._context.run(PROCESS.set, "the other system")

    async def read(self) -> None:
        """Take the time of a read. Raises AccountsUnready."""
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        if self._random.random() < self.trouble / 2:
            raise AccountsUnready("the other system cannot be reached", not_changed=True)

    async def change(self, account: Account, password: str) -> bool:
        """Store a password, early or late, and whether or not its caller still waits."""
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        mood = self._random.choice(("unreached", "lost", "late")) if self._random.random() < self.trouble else ""
        if mood:
            self._story.tell(f"{PROCESS.get()} asks the other system for a change of {account.id}: {mood}")
        if mood == "unreached":
            raise AccountsUnready("the other system cannot be reached", not_changed=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._under_way[account.id] += 1
        self.most_at_once = max(self.most_at_once, self._under_way[account.id])

        def store() -> None:
            self._under_way[account.id] -= 1
            self.stored.append(Stored(account.id, password))
            self._story.tell(f"the other system stores a password of {account.id}")
            if not answer.done():
                answer.set_result(True)

        late = self._random.uniform(5, _LONGEST) if mood == "late" else self._random.uniform(0.01, 2)
        loop.call_later(late, store, context=self._context)
        stored = await answer
        if mood == "lost":
            raise AccountsUnready("the answer was lost")
        return stored


class OtherStore:
    """A process's client of the other system, as the port `AccountStore` wants it. `place`: where it is found."""

    def __init__(self, place: Callable[[], OtherSystem]) -> None:
        self._place = place

    async def require_ready(self) -> None:
        """Do nothing: it is as the settings say."""

    async def find(self, email: str) -> Account | None:
        await self._place().read()
        accounts = self._place().accounts.values()
        return next((one for one in accounts if addresses.is_same_mailbox(one.email, email)), None)

    async def get(self, account_id: str) -> Account | None:
        await self._place().read()
        return self._place().accounts.get(account_id)

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        return await self._place().change(account, password.text)

    async def close(self) -> None:
        """Do nothing: there is no connection."""
