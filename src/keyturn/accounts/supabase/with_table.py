"""People in an app's own table, their passwords at Supabase Auth."""

import logging
from collections.abc import Sequence
from typing import Protocol

from keyturn import addresses
from keyturn.accounts.port import Account, NewPassword, changing_nothing
from keyturn.accounts.supabase.accounts import SupabaseAccounts
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn")


class PeopleTable(Protocol):
    """Looks people up in the app's own table, whose ids are those of the users at Supabase."""

    async def require_ready(self) -> None: ...

    async def require_reachable(self) -> None: ...

    async def find(self, email: str) -> Account | None: ...

    async def get(self, account_id: str) -> Account | None: ...

    async def note_change(self, account: Account) -> bool:
        """Set and delete what a change of the password does, but no password; False where the account is gone."""
        ...

    async def end_sessions(self, account_id: str) -> None: ...

    async def addresses_after(self, email: str, most: int) -> Sequence[str]: ...

    async def close(self) -> None: ...


class SupabaseWithTable:
    """An AccountStore that looks people up in the table and sets passwords at Supabase."""

    def __init__(self, lookup: PeopleTable, auth: SupabaseAccounts) -> None:
        self._lookup = lookup
        self._auth = auth

    async def require_ready(self) -> None:
        await self._lookup.require_ready()
        await self._auth.require_ready()

    async def require_reachable(self) -> None:
        await self._lookup.require_reachable()
        await self._auth.require_ready()

    async def find(self, email: str) -> Account | None:
        return await self._lookup.find(email)

    async def get(self, account_id: str) -> Account | None:
        return await self._lookup.get(account_id)

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Set it where both the table and Supabase have the account, active, with a password and under that address."""
        with changing_nothing():
            known = await self._lookup.get(account.id)
        if (
            known is None
            or not known.active
            or not known.has_password
            or not addresses.is_same_mailbox(known.email, account.email)
        ):
            return False
        if not await self._auth.set_password(account, password):
            log.warning(LogEvent("accounts.not_at_supabase", account=account.id))
            return False
        await self._note_change(account)
        return True

    async def end_sessions(self, account_id: str) -> None:
        """Delete the rows that the settings name; those at Supabase end with the next password alone."""
        await self._lookup.end_sessions(account_id)

    async def addresses_after(self, email: str, most: int) -> Sequence[str]:
        return await self._lookup.addresses_after(email, most)

    async def close(self) -> None:
        await self._lookup.close()
        await self._auth.close()

    async def _note_change(self, account: Account) -> None:
        """Write what the table says about it. The password is changed by now, whatever happens here."""
        try:
            noted = await self._lookup.note_change(account)
        except Exception:
            log.exception(LogEvent("accounts.change_not_noted", account=account.id))
        else:
            if not noted:
                log.error(LogEvent("accounts.change_not_noted", account=account.id))
