"""Accounts in another system, which cannot join a transaction of Keyturn's, and whose answers come
late or never.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextvars import Context
from random import Random
from typing import ClassVar

from tests.driver.journal import ADA, BEA, CARL, DAN, EVE, GRACE
from tests.worlds.simulation.loop import PROCESS, Story

from keyturn import Account, AccountStore, AccountsUnready, NewPassword

_LONGEST = 55.0
"""Seconds until a late password is stored: longer than Keyturn waits, and shorter than it locks the
account.
"""

_ACCOUNTS = (
    Account(id="ada", email=ADA, name="Ada"),
    Account(id="bea", email=BEA, name="Bea"),
    Account(id="carl", email=CARL, name="Carl"),
    Account(id="grace", email=GRACE, name="Grace", has_password=False, provider="Google"),
    Account(id="dan", email=DAN, name="Dan", active=False),
    Account(id="eve\ud800", email=EVE, name="Eve"),
)


class OtherSystem(AccountStore):
    """The other system, and the client that all programs have of it. Each world begins it anew.

    `trouble`: the share of calls that meet a fault. `stored`: accounts and passwords, in order.
    `most_at_once`: the most changes of one account that were under way at a time.
    `client_is_too_sure`: the client says that a password was not stored whenever there is no
    answer.
    """

    client_is_too_sure: ClassVar[bool] = False

    def __init__(self) -> None:
        self.begin(Random(0), Story())
        self._context = Context()
        self._context.run(PROCESS.set, "the other system")

    def begin(self, random: Random, story: Story) -> None:
        self.accounts = {one.id: one for one in _ACCOUNTS}
        self.trouble = 0.0
        self.stored: list[tuple[str, str]] = []
        self.most_at_once = 0
        self._random = random
        self._story = story
        self._under_way = Counter[str]()

    async def find(self, email: str) -> Account | None:
        await self._take_time()
        return next((one for one in self.accounts.values() if one.email == email.lower()), None)

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        return await super().find_all(emails)

    async def get(self, account_id: str) -> Account | None:
        await self._take_time()
        return self.accounts.get(account_id)

    async def _take_time(self) -> None:
        """Take the time of a read. Raises AccountsUnready."""
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        if self._random.random() < self.trouble / 2:
            raise AccountsUnready("the other system cannot be reached", not_changed=True)

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Store a password, early or late, and whether or not its caller still waits."""
        await asyncio.sleep(self._random.uniform(0.001, 0.05))
        mood = (
            self._random.choice(("unreached", "lost", "late"))
            if self._random.random() < self.trouble
            else ""
        )
        if mood:
            self._story.tell(
                f"{PROCESS.get()} asks the other system for a change of {account.id}: {mood}"
            )
        if mood == "unreached":
            raise AccountsUnready("the other system cannot be reached", not_changed=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._under_way[account.id] += 1
        self.most_at_once = max(self.most_at_once, self._under_way[account.id])

        def store() -> None:
            self._under_way[account.id] -= 1
            self.stored.append((account.id, password.text))
            self._story.tell(f"the other system stores a password of {account.id}")
            if not answer.done():
                answer.set_result(True)

        late = (
            self._random.uniform(5, _LONGEST) if mood == "late" else self._random.uniform(0.01, 2)
        )
        loop.call_later(late, store, context=self._context)
        stored = await answer
        if mood == "lost":
            raise AccountsUnready("the answer was lost", not_changed=self.client_is_too_sure)
        return stored
