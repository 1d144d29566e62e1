"""Which store the settings ask for."""

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import AccountStore
from keyturn.database import Database
from keyturn.settings import Settings


def accounts_for(settings: Settings, database: Database) -> AccountStore:
    """Return the store of `accounts.store`. Raises SettingsInvalid where it cannot be made."""
    wanted = settings.accounts
    match wanted.store:
        case "builtin":
            return BuiltinAccounts(database)
        case "table":
            from keyturn.accounts.table import table_accounts  # noqa: PLC0415 - only who has such a store pays for it

            return table_accounts(wanted.table, database, hash_length=settings.hashing.hash_length)
        case "supabase":
            from keyturn.accounts.supabase import supabase_accounts  # noqa: PLC0415

            return supabase_accounts(wanted, database)
        case reference:
            from keyturn.accounts.factory import store_from_factory  # noqa: PLC0415

            return store_from_factory(reference, settings)
