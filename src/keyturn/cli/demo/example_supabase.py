"""A Supabase Auth for the demo of an app that has its passwords there."""

from collections.abc import Iterable

from keyturn.accounts.supabase import SupabaseAccounts, SupabaseWithTable
from keyturn.accounts.table import table_accounts
from keyturn.database import Database
from keyturn.settings import Settings
from keyturn.testing.supabase_server import SupabaseServer


def supabase_with(people: Iterable[tuple[str, str]], password: str, service_role_key: str) -> SupabaseServer:
    """Return one that knows the people, each an id and an address, by that password."""
    server = SupabaseServer(service_role_key=service_role_key)
    for account_id, email in people:
        server.users.add(email, password, id=account_id)
    return server


class AccountsOfDemo(SupabaseWithTable):
    """The store as the settings make it, and what none over a real project can have: hashes to sign in by."""

    def __init__(self, settings: Settings, server: SupabaseServer) -> None:
        self._database = Database(settings.database.url)
        self._server = server
        wanted = settings.accounts
        super().__init__(table_accounts(wanted.table, self._database), SupabaseAccounts(wanted.supabase))

    async def password_hash(self, account_id: str) -> str | None:
        user = self._server.users.get(account_id)
        return user.password_hash or None if user else None

    async def close(self) -> None:
        await super().close()
        await self._database.close()
