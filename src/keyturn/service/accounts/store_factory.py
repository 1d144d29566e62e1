"""Builds the store that the settings name, and tells whether a new password ends all sessions."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.accounts.port import AccountStore
from keyturn.service.database import Database
from keyturn.service.settings import AccountSettings, Settings


def store_from_factory(reference: str, settings: Settings) -> AccountStore:
    """Return the store that the factory makes.

    Raises SettingsInvalid, with a sentence, if the factory fails, or if its result is not a store.
    """
    store: AccountStore = product_of(reference, settings, AccountStore, "accounts.store")
    for name in ("set_password_within", "password_hash_within"):
        if inspect.iscoroutinefunction(getattr(store, name)):
            message = (
                f"{reference} returned {type(store).__name__}, whose {name} is async: make it "
                "a plain method"
            )
            raise SettingsInvalid.of("accounts.store", message)
    return store


def product_of(reference: str, settings: Settings, kind: type, setting: str) -> Any:
    """Return the object that the factory makes.

    Raises SettingsInvalid, with a sentence, if the factory fails, or if the object does not inherit
    from `kind`. A KeyturnError of the factory passes through.
    """
    factory = import_factory(reference, setting)
    try:
        product = factory(settings)
    except KeyturnError:  # names its faults itself
        raise
    except Exception as error:
        raise SettingsInvalid.of(setting, f"{reference} raised {_error_line(error)}") from error
    if inspect.iscoroutine(product):
        product.close()  # otherwise Python would warn that it is never awaited
        raise SettingsInvalid.of(setting, f"{reference} is async: make it a plain function")
    if not isinstance(product, kind):
        returned = f"{reference} returned {type(product).__name__}"
        raise SettingsInvalid.of(
            setting, f"{returned}, which does not inherit from {kind.__name__}"
        )
    return product


def import_factory(reference: str, setting: str = "accounts.store") -> Callable[..., Any]:
    """Import the factory, and return it without calling it.

    Raises SettingsInvalid, with a sentence, if that fails.
    """
    module_name, _, name = reference.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # as uvicorn does for its app
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else ""
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise SettingsInvalid.of(
                setting, f"the module {missing} is neither in {here} nor installed"
            ) from None
        raise SettingsInvalid.of(
            setting, f"importing {module_name} raised {_error_line(error)}"
        ) from error
    if not hasattr(module, name):
        raise SettingsInvalid.of(setting, f"{module_name} has no {name}")
    factory: Callable[..., Any] = getattr(module, name)
    if not callable(factory):
        raise SettingsInvalid.of(
            setting, f"{reference} must be a function, not {type(factory).__name__}"
        )
    return factory


def _error_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]


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
            from keyturn.service.accounts.supabase import supabase_accounts

            return supabase_accounts(wanted, database)
        case "ldap":
            from keyturn.service.accounts.ldap.accounts import LdapAccounts

            return LdapAccounts(wanted.ldap)
        case reference:
            return store_from_factory(reference, settings)


def ends_sessions(accounts: AccountSettings) -> bool:
    """Whether a new password ends all of an account's sessions.

    For a table, its settings say which rows end. A directory keeps no sessions.
    """
    if accounts.store == "ldap":
        return False
    if accounts.store != "table":
        return True
    sessions = [one for one in accounts.table.endings.values() if one.what == "sessions"]
    ended = [one for one in sessions if one.when == "change" and not one.where]
    return bool(sessions) and ended == sessions
