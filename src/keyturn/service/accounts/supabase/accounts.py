"""Accounts at Supabase Auth, without a table of the app or with one in which users are looked up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from keyturn.errors import SettingsInvalid
from keyturn.service import addresses
from keyturn.service.accounts.port import Account, AccountStore, Ended, NewPassword
from keyturn.service.accounts.supabase.admin_api import KEY_REFUSED, TIMEOUT, AdminApi, UserPage, account_of
from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.accounts.table.store import TablePeople
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.problems.requests import AccountsUnready, Unavailable
from keyturn.service.settings import AccountSettings, SupabaseSettings, TableSettings
from keyturn.service.telemetry.logs import LogEvent, log

_PAGE = 50
_MOST_PAGES = 20
"""Pages of users to read: an address may be the end of many others, and only a thousand users are looked at."""

_LOOKUPS_AT_ONCE = 8
"""A worker answers all waiting requests together, and a project has few connections to its database."""

_WHOLE = 3
"""Time-outs that a look-up may take with all its pages and the wait for its place: less than a message's lease."""


@contextmanager
def _changing_nothing() -> Iterator[None]:
    """Mark an unreachable store inside the block as `not_changed`, because the block only reads."""
    try:
        yield
    except Unavailable as error:
        raise AccountsUnready(str(error), not_changed=True) from error


class SupabaseAccounts(AccountStore):
    """An AccountStore over a project's admin API. Supabase ends the sessions with every change of a password."""

    def __init__(self, settings: SupabaseSettings, timeout: timedelta = TIMEOUT) -> None:
        self._url = settings.url
        self._key = settings.service_role_key
        self._api = AdminApi(settings, timeout)
        self._patience = timeout.total_seconds() * _WHOLE
        self._places = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def require_ready(self) -> None:
        """Ask once. Raises SettingsInvalid for a refused key or another server, AccountsUnready if none answers."""
        if not self._key.isascii() or not self._key.isprintable():
            message = "contains characters that are not allowed in a key"
            raise SettingsInvalid.of("accounts.supabase.service_role_key", message)
        answer = await self._api.page(1, 1)
        if answer.status in KEY_REFUSED:
            raise SettingsInvalid.of("accounts.supabase.service_role_key", f"is refused by {self._url}: {answer}")
        if answer.read(UserPage) is None:
            message = f"{self._url} does not answer as Supabase Auth does: {answer}"
            raise SettingsInvalid.of("accounts.supabase.url", message)

    async def find(self, email: str) -> Account | None:
        """Return the account, preferring one with a password: a single sign-on user may have the same address.

        Few look-ups run at a time, and each is limited in time. Raises AccountsUnready after that.
        """
        try:
            async with asyncio.timeout(self._patience), self._places:
                return await self._find(email)
        except TimeoutError:
            reason = f"Supabase Auth did not answer a look-up within {self._patience:g} s"
            raise AccountsUnready(reason, not_changed=True) from None

    async def _find(self, email: str) -> Account | None:
        without_password: Account | None = None
        for page in range(1, _MOST_PAGES + 1):
            users = await self._api.users(email, page, _PAGE)
            for user in users:
                if user and addresses.is_same_mailbox(user.email or "", email):
                    account = account_of(user, now())
                    if account.has_password:
                        return account
                    without_password = without_password or account
            if len(users) < _PAGE:
                return without_password
        log.warning(LogEvent("accounts.too_many_alike", looked_at=_MOST_PAGES * _PAGE))
        return without_password

    async def get(self, account_id: str) -> Account | None:
        user = await self._api.user(account_id)
        return account_of(user, now()) if user else None

    async def set_password(self, account: Account, password: NewPassword) -> bool:
        """Set it if the user still has that address and a password, and is neither banned nor deleted.

        An address that was never confirmed becomes confirmed: the link in its mailbox has proved it, as a link of
        Supabase's own would have. Without that the new password could not sign in.
        """
        with _changing_nothing():
            user = await self._api.user(account.id)
        if user is None or not account_of(user, now()).still_takes_password_of(account):
            return False
        confirmation = {} if user.email_confirmed_at else {"email_confirm": True}
        return await self._api.update(user, {"password": password.text, **confirmation})

    async def close(self) -> None:
        await self._api.close()
        self._places = asyncio.Semaphore(_LOOKUPS_AT_ONCE)  # the next call may come from another event loop


class SupabaseWithTable(TablePeople):
    """An AccountStore that looks users up in a table, by their ids at Supabase, and sets passwords at Supabase.

    `end_sessions` ends what the table names. It locks no account: Supabase would still sign the user in.
    """

    def __init__(self, people: TableSettings, place: Database | AppDatabase, auth: SupabaseAccounts) -> None:
        # A column for passwords, if one is left from earlier days, no longer counts.
        super().__init__(msgspec.structs.replace(people, password=""), place)
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
        """Set it if table and Supabase both have the account, active, with a password and that address."""
        with _changing_nothing():
            known = await self.get(account.id)
        if known is None or not known.still_takes_password_of(account):
            return False
        if not await self._auth.set_password(account, password):
            log.warning(LogEvent("accounts.not_at_supabase", account=account.id))
            return False
        # From here on the password is changed, even if the table's columns cannot be written.
        not_noted = LogEvent("accounts.change_not_noted", account=account.id)
        try:
            if ended := await self.note_change(account):
                return ended
            log.error(not_noted)
        except Exception:
            log.exception(not_noted)
        return True


def supabase_accounts(wanted: AccountSettings, database: Database) -> AccountStore:
    """Return the store of the project; with a table in the settings, users are looked up there."""
    auth, people = SupabaseAccounts(wanted.supabase), wanted.table
    if not people.table:
        return auth
    return SupabaseWithTable(people, AppDatabase(people.url) if people.url else database, auth)
