"""The stores of accounts at Supabase Auth."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from keyturn.errors import SettingsInvalid
from keyturn.service import identifiers
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.accounts.supabase.admin_api import TIMEOUT, AdminApi, UserPage
from keyturn.service.accounts.supabase.answers import KEY_REFUSED
from keyturn.service.accounts.supabase.users import User, account_of
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.store import AccountsWithoutPasswords
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready, Unavailable
from keyturn.service.settings import AccountSettings, SupabaseSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log

_PAGE_SIZE = 50
_MOST_PAGES = 20
"""Pages that one look-up reads: many addresses may end with the one that is looked up, and no more
than a thousand users are read.
"""

_LOOKUPS_AT_ONCE = 8
"""Look-ups at a time. A worker looks up all waiting requests together, and a project's database has
few connections.
"""

_LONGEST_LOOKUP = 3
"""The limit of a look-up, in time-outs of a call. It includes the wait for a slot and all pages,
and is less than a delivery may take (`LONGEST_TRY`).
"""


@contextmanager
def _changing_nothing() -> Iterator[None]:
    """Mark an unreachable store as `not_changed`, because the block only reads."""
    try:
        yield
    except Unavailable as error:
        raise AccountsUnready(str(error), not_changed=True) from error


class SupabaseAccounts(AccountStore):
    """An AccountStore over a project's admin API.

    Supabase ends the sessions with every change of a password.
    """

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self._settings = settings
        self._api = AdminApi(settings, timeout)
        self._patience = timeout.total_seconds() * _LONGEST_LOOKUP
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def require_ready(self) -> None:
        """Ask the server once.

        Raises SettingsInvalid if it refuses the key or is not Supabase Auth, AccountsUnready if it
        does not answer.
        """
        url = self._settings.url
        if not re.fullmatch(r"[ -~]*", self._settings.service_role_key):
            message = "contains characters that are not allowed in a key"
            raise SettingsInvalid.of("accounts.supabase.service_role_key", message)
        answer = await self._api.page(1, 1)
        if answer.status in KEY_REFUSED:
            message = f"is refused by {url}: {answer}"
            raise SettingsInvalid.of("accounts.supabase.service_role_key", message)
        if answer.read(UserPage) is None:
            message = f"{url} does not answer as Supabase Auth does: {answer}"
            raise SettingsInvalid.of("accounts.supabase.url", message)

    async def find(self, email: str) -> Account | None:
        """Return the account with the address, preferably one with a password.

        A user of single sign-on may have the same address.
        """
        try:
            async with asyncio.timeout(self._patience), self._slots:
                return await self._find(email)
        except TimeoutError:
            reason = f"Supabase Auth did not answer a look-up within {self._patience:g} s"
            raise AccountsUnready(reason, not_changed=True) from None

    async def _find(self, email: str) -> Account | None:
        without_password: Account | None = None
        for page in range(1, _MOST_PAGES + 1):
            users = await self._api.users(email, page, _PAGE_SIZE)
            for account in _accounts_with(email, users):
                if account.has_password:
                    return account
                without_password = without_password or account
            if len(users) < _PAGE_SIZE:
                return without_password
        log.warning(LogEvent("accounts.too_many_alike", looked_at=_MOST_PAGES * _PAGE_SIZE))
        return without_password

    async def get(self, account_id: str) -> Account | None:
        user = await self._api.user(account_id)
        return account_of(user, now()) if user else None

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        with _changing_nothing():
            user = await self._api.user(account.id)
        if user is None or not account_of(user, now()).may_still_change_password_of(account):
            return False
        changes: dict[str, str | bool] = {"password": password.text}
        if not user.email_confirmed_at:
            # The link in the mailbox has proved the address, as Supabase's own link would have. It
            # is confirmed here: otherwise the new password could not sign in.
            changes["email_confirm"] = True
        return await self._api.update(user, changes)

    async def close(self) -> None:
        await self._api.close()
        # The next call may run in another event loop.
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)


def _accounts_with(email: str, users: Iterable[User | None]) -> Iterator[Account]:
    """Yield the accounts of the users with that address, of those that could be read."""
    for user in users:
        if user and identifiers.is_same_mailbox(user.email or "", email):
            yield account_of(user, now())


class SupabaseWithTable(AccountsWithoutPasswords):
    """An AccountStore that finds users in a table of the app, which has their ids at Supabase.

    It locks no account: Supabase would not know of the lock.
    """

    def __init__(
        self, table: TableSettings, database: Database | AppDatabase, auth: SupabaseAccounts
    ) -> None:
        # A column of password hashes may be left from before the move to Supabase. It is ignored.
        super().__init__(msgspec.structs.replace(table, password=""), database)
        self._auth = auth

    async def require_ready(self) -> None:
        await super().require_ready()
        await self._auth.require_ready()

    async def require_reachable(self) -> None:
        await super().require_reachable()
        await self._auth.require_ready()

    async def close(self) -> None:
        await super().close()
        await self._auth.close()

    async def set_password(self, account: Account, password: NewPassword) -> bool | Ended:
        with _changing_nothing():
            known = await self.get(account.id)
        if known is None or not known.may_still_change_password_of(account):
            return False
        if not await self._auth.set_password(account, password):
            log.warning(LogEvent("accounts.not_at_supabase", account=account.id))
            return False
        # From here on the password is changed, even if the table's columns cannot be written.
        not_noted = LogEvent("accounts.change_not_noted", account=account.id)
        try:
            ended = await self.note_change(account)
            if ended:
                return ended
            log.error(not_noted)
        except Exception:
            log.exception(not_noted)
        return True


def supabase_accounts(wanted: AccountSettings, database: Database) -> AccountStore:
    """Return the store. It connects with its first call.

    Raises SettingsInvalid if the URL of the table's database is not valid.
    """
    auth = SupabaseAccounts(wanted.supabase)
    if not wanted.table.table:
        return auth
    if wanted.table.url:
        return SupabaseWithTable(wanted.table, AppDatabase(wanted.table.url), auth)
    return SupabaseWithTable(wanted.table, database, auth)
