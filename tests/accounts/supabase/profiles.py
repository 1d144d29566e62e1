"""A table of people in memory, with a flag that a change of the password clears."""

from collections.abc import Sequence

import msgspec

from keyturn.service import addresses
from keyturn.service.accounts.port import Account, Ended
from keyturn.service.accounts.table.store import TableAccounts
from keyturn.service.problems.requests import AccountsUnready


class Profiles(TableAccounts):
    """`temporary` are the ids of those whose password is to be changed. `is_down` is a table that is locked or gone."""

    def __init__(self) -> None:  # without a table, which nothing here reads
        self.temporary: set[str] = set()
        self.is_down = False
        self.ended: list[str] = []
        self._rows: dict[str, Account] = {}

    def add(self, account_id: str, email: str, *, active: bool = True, provider: str = "") -> Account:
        account = Account(id=account_id, email=email, active=active, has_password=not provider, provider=provider)
        self._rows[account_id] = account
        self.temporary.add(account_id)
        return account

    def change(self, account_id: str, *, email: str | None = None, active: bool | None = None) -> None:
        changes = {"email": email, "active": active}
        known = {name: value for name, value in changes.items() if value is not None}
        if account_id in self._rows:
            self._rows[account_id] = msgspec.structs.replace(self._rows[account_id], **known)

    def remove(self, account_id: str) -> None:
        del self._rows[account_id]

    async def require_ready(self) -> None:
        self._require_up()

    async def require_reachable(self) -> None:
        self._require_up()

    async def find(self, email: str) -> Account | None:
        self._require_up()
        return next((row for row in self._rows.values() if addresses.is_same_mailbox(row.email, email)), None)

    async def get(self, account_id: str) -> Account | None:
        self._require_up()
        return self._rows.get(account_id)

    async def note_change(self, account: Account) -> bool:
        self._require_up()
        self.temporary.discard(account.id)
        return account.id in self._rows

    async def end_sessions(self, account_id: str) -> Ended:
        self._require_up()
        self.ended.append(account_id)
        return Ended()

    async def end_intrusion(self, account_id: str) -> Ended:
        return await self.end_sessions(f"{account_id} with passkeys")

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        self._require_up()
        return sorted(row.email for row in self._rows.values() if row.active and row.email > email)[:most]

    async def close(self) -> None:
        pass

    def _require_up(self) -> None:
        if self.is_down:
            raise AccountsUnready("the table is gone")
