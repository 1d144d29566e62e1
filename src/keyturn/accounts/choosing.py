"""Which store the settings ask for, and what it is to do besides keeping passwords."""

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.accounts.port import AccountStore, LocksAccounts
from keyturn.database import Database
from keyturn.errors import Fault, SettingsInvalid
from keyturn.settings import AccountSettings, Settings


def accounts_for(settings: Settings, database: Database) -> AccountStore:
    """Return the store of `accounts.store`. Raises SettingsInvalid where it cannot be made."""
    wanted = settings.accounts
    match wanted.store:
        case "builtin":
            return BuiltinAccounts(database)
        case "table":
            from keyturn.accounts.table import table_accounts

            return table_accounts(wanted.table, database, hash_length=settings.hashing.hash_length)
        case "supabase":
            from keyturn.accounts.supabase import supabase_accounts

            return supabase_accounts(wanted, database)
        case reference:
            from keyturn.accounts.factory import store_from_factory

            return store_from_factory(reference, settings)


async def hash_doubt(settings: Settings, accounts: AccountStore) -> str:
    """Return, in words, that new hashes are of another format than those of an app's table; "" where they are not.

    Raises AccountsUnready.
    """
    if settings.accounts.store != "table":
        return ""
    from keyturn.accounts.table import TableAccounts

    doubt = await accounts.hash_doubt(settings.hashing) if isinstance(accounts, TableAccounts) else None
    return f"{doubt.message}. {doubt.mend}" if doubt else ""


def ends_sessions(accounts: AccountSettings) -> bool:
    """Tell whether a new password ends all sessions. A store does by its contract; a table, where it has been told."""
    return accounts.store != "table" or bool(accounts.table.delete)


def locks_accounts(settings: Settings, accounts: AccountStore) -> bool:
    """Tell whether a secured account is locked. Raises SettingsInvalid where its store cannot do that."""
    wanted = settings.secure_account.lock
    if wanted and not (isinstance(accounts, LocksAccounts) and accounts.can_lock):
        store = settings.accounts.store
        how = "set accounts.table.lock and unlock" if store == "table" else "take the setting out"
        raise SettingsInvalid([Fault("secure_account.lock", f"the store {store} locks no accounts: {how}")])
    return wanted
