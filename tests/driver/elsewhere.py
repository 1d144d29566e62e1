"""A store in another system, which cannot join Keyturn's transaction: its accounts are in this
process's memory.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from httpx2 import Response
from msgspec.structs import replace
from tests.driver.service import ADA, PASSWORD, Service, hash_of

from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.problems.passwords import PasswordRejected, Violation
from keyturn.service.problems.requests import AccountsUnready

LEAKED = PasswordRejected([Violation("pwned", "not one that was in a leak")])
"""How a store refuses a password by a rule of its own."""

DEATH = asyncio.CancelledError("the process dies while it waits for the store")
"""Ends a change as the death of its process does: nothing that follows happens."""


async def confirmations(service: Service) -> int:
    await service.deliver()
    return len(service.inbox.sent_to(ADA, "password_changed"))


class Elsewhere(AccountStore):
    """`refusals`: errors to raise, one for each new password. `reached`: set when a password comes.

    `losses`: errors to raise after a password was stored, as if the answer were lost.

    It finds no account and is not ready while `is_away`.
    """

    is_away = False

    def __init__(self, *accounts: Account) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.passwords: dict[str, str] = {}
        self.changes = 0
        self.refusals: list[BaseException] = []
        self.losses: list[Exception] = []
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self.looked_up, self.answers = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.answers.set()

    async def require_ready(self) -> None:
        self._require_here()

    async def find(self, email: str) -> Account | None:
        self._require_here()
        for account in self.accounts.values():
            if identifiers.is_same_mailbox(account.email, email):
                return account
        return None

    async def get(self, account_id: str) -> Account | None:
        self._require_here()
        self.looked_up.set()
        await self.answers.wait()
        return self.accounts.get(account_id)

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        self.reached.set()
        await self.open.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        if self.accounts.get(account.id) != replace(account, intruded=False) or not account.active:
            return False
        self.passwords[account.id] = password.text
        self.changes += 1
        if self.losses:
            raise self.losses.pop(0)
        return True

    async def hold(self, change: Coroutine[Any, Any, Response]) -> asyncio.Task[Response]:
        """Begin a change, and keep it waiting for this store until `open` is set."""
        self.reached.clear()
        self.open.clear()
        begun = asyncio.create_task(change)
        await self.reached.wait()
        return begun

    async def hold_lookup(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin work, and keep it waiting for an account of this store until `answers` is set."""
        self.looked_up.clear()
        self.answers.clear()
        begun = asyncio.create_task(work)
        await self.looked_up.wait()
        return begun

    def move(self, account_id: str, email: str) -> None:
        self.accounts[account_id] = replace(self.accounts[account_id], email=email)

    def disable(self, account_id: str) -> None:
        self.accounts[account_id] = replace(self.accounts[account_id], active=False)

    async def close(self) -> None:
        pass

    def _require_here(self) -> None:
        if self.is_away:
            raise AccountsUnready("the database of the accounts cannot be reached")


class Faulty(Elsewhere):
    async def get(self, _: str, /) -> Account | None:
        raise RuntimeError("the inside of the store")


class Readable(Elsewhere):
    """The same, with hashes that can be read, so that people sign in here."""

    async def password_hash(self, account_id: str) -> str | None:
        account = self.accounts.get(account_id)
        return (
            hash_of(self.passwords.get(account_id, PASSWORD))
            if account and account.active
            else None
        )


class Hanging(Elsewhere):
    """Looks one address up for as long as it may not answer."""

    def __init__(self, email: str, *accounts: Account) -> None:
        super().__init__(*accounts)
        self.email, self.asked, self.may_answer = email, asyncio.Event(), asyncio.Event()

    async def find(self, email: str) -> Account | None:
        if identifiers.is_same_mailbox(email, self.email):
            self.asked.set()
            await self.may_answer.wait()
        return await super().find(email)


class HangingTogether(Hanging):
    """The same, as a store that finds many accounts at the cost of one."""

    async def find_all(self, emails: Sequence[str]) -> Sequence[Account | Exception | None]:
        return [await self.find(email) for email in emails]


class Lockable(Readable):
    """The same, with accounts that can be locked."""

    can_lock = True

    async def lock(self, account: Account) -> bool:
        self._require_here()
        before = self.accounts[account.id]
        if not before.active or before.email != account.email:
            return False
        self.accounts[account.id] = replace(before, active=False, locked=True)
        return True

    async def unlock(self, account_id: str) -> bool:
        before = self.accounts[account_id]
        self.accounts[account_id] = replace(before, active=True, locked=False)
        return before.locked
