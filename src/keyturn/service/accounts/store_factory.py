"""Builds the store that the settings name, and tells whether a new password ends all sessions."""

import inspect

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import AccountStore
from keyturn.service.database import Database
from keyturn.service.settings import AccountSettings, Settings
from keyturn.service.settings.factories import product_of


def accounts_for(settings: Settings, database: Database) -> AccountStore:
    """Return the store of `accounts.store`. Raises SettingsInvalid if it cannot be built."""
    wanted = settings.accounts
    match wanted.store:
        case "builtin":
            return BuiltinAccounts(database)
        case "table":
            from keyturn.service.accounts.table.store import table_accounts

            return table_accounts(wanted.table, database, hash_length=settings.hashing.hash_length)
        case "supabase":
            from keyturn.service.accounts.supabase.store import supabase_accounts

            return supabase_accounts(wanted, database)
        case "ldap":
            from keyturn.service.accounts.ldap.store import LdapAccounts

            return LdapAccounts(wanted.ldap)
        case reference:
            return store_from_factory(reference, settings)


def store_from_factory(reference: str, settings: Settings) -> AccountStore:
    """Return the store that the factory makes.

    Raises SettingsInvalid, with a sentence, if the factory fails, or if its result is not a store.
    """
    setting = "accounts.store"
    # mypy refuses an abstract class here. A factory of the app's makes the object.
    store = product_of(reference, settings, AccountStore, setting)  # type: ignore[type-abstract]
    for name in ("set_password_within", "password_hash_within"):
        if inspect.iscoroutinefunction(getattr(store, name)):
            returned = f"{reference} returned {type(store).__name__}"
            message = f"{returned}, whose {name} is async: make it a plain method"
            raise SettingsInvalid.of(setting, message)
    return store


def ends_sessions(accounts: AccountSettings) -> bool:
    """Tell whether a new password ends all of an account's sessions.

    For a table, its settings say which rows end. A directory keeps no sessions.
    """
    if accounts.store == "ldap":
        return False
    if accounts.store != "table":
        return True
    sessions = [ending for ending in accounts.table.endings.values() if ending.what == "sessions"]
    if not sessions:
        return False
    return all(ending.when == "change" and not ending.where for ending in sessions)
