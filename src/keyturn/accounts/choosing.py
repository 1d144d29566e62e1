"""Which store the settings ask for."""

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import AccountStore
from keyturn.database import Database
from keyturn.settings import Settings

_AFTER_PREFIX = 56
"""Characters of a bcrypt hash after its prefix: the cost, a dollar, 22 of salt and 31 of digest."""


def accounts_for(settings: Settings, database: Database) -> AccountStore:
    """Return the store of `accounts.store`. Raises SettingsInvalid where it cannot be made."""
    wanted = settings.accounts
    match wanted.store:
        case "builtin":
            return BuiltinAccounts(database)
        case "table":
            from keyturn.accounts.table import table_accounts  # noqa: PLC0415 - only who has such a store pays for it

            hash_length = _AFTER_PREFIX + len(settings.hashing.prefix)
            return table_accounts(wanted.table, database, hash_length=hash_length)
        case "supabase":
            from keyturn.accounts.supabase import supabase_accounts  # noqa: PLC0415

            return supabase_accounts(wanted, database)
        case reference:
            from keyturn.accounts.factory import store_from_factory  # noqa: PLC0415

            return store_from_factory(reference, settings)
