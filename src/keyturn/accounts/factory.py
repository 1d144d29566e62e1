"""A store of an app's own: `package.module:factory`, imported and called with the settings."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keyturn.accounts.port import AccountStore
from keyturn.errors import Fault, KeyturnError, SettingsInvalid
from keyturn.settings import Settings

_METHODS = ("require_ready", "find", "get", "set_password", "close")


def store_from_factory(reference: str, settings: Settings) -> AccountStore:
    """Return the store that the factory makes. Raises SettingsInvalid, with a sentence, where it does not make one.

    What the factory raises of Keyturn's own errors goes through, since it names its faults itself.
    """
    factory = import_factory(reference)
    try:
        inspect.signature(factory).bind(settings)
    except TypeError:
        raise _fault(f"{reference} cannot be called with the settings alone") from None
    except ValueError:  # it is written in C and does not say what it takes
        pass
    try:
        store = factory(settings)
    except KeyturnError:
        raise
    except Exception as error:
        raise _fault(f"{reference} raised {_error_line(error)}") from error
    return _require_store(reference, store)


def import_factory(reference: str, setting: str = "accounts.store") -> Callable[..., Any]:
    """Return the function itself, imported and not called. Raises SettingsInvalid, with a sentence, where it cannot."""
    module_name, colon, name = reference.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise _fault_of(setting, f"{reference} is neither builtin, table, supabase nor package.module:factory")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # as uvicorn does for its app
    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise _fault_of(setting, f"there is no module {error.name}, in {here} or installed") from None
        raise _fault_of(setting, f"importing {module_name} raised {_error_line(error)}") from error
    except Exception as error:
        raise _fault_of(setting, f"importing {module_name} raised {_error_line(error)}") from error
    if not hasattr(found, name):
        raise _fault_of(setting, f"{module_name} has no {name}")
    factory = getattr(found, name)
    if not callable(factory):
        raise _fault_of(setting, f"{reference} is {_type_with_article(factory)} and cannot be called")
    return factory  # type: ignore[no-any-return]  # what is callable may be called with anything


def _require_store(reference: str, store: Any) -> AccountStore:
    if inspect.iscoroutine(store):
        store.close()  # or Python would warn that nobody awaits it
        raise _fault(f"{reference} is async: a factory is a plain function")
    missing = [name for name in _METHODS if not callable(getattr(store, name, None))]
    if missing:
        raise _fault(f"{reference} returned {_type_with_article(store)}, which lacks {', '.join(missing)}")
    if inspect.iscoroutinefunction(getattr(store, "set_password_within", None)):
        kind = _type_with_article(store)
        raise _fault(f"{reference} returned {kind}, whose set_password_within is async: make it plain, or leave it out")
    return store  # type: ignore[no-any-return]  # it has every method, and no check can tell more


def _fault(message: str) -> SettingsInvalid:
    return _fault_of("accounts.store", message)


def _fault_of(setting: str, message: str) -> SettingsInvalid:
    return SettingsInvalid([Fault(setting, message)])


def _type_with_article(thing: object) -> str:
    if thing is None:
        return "None"
    name = type(thing).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _error_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]
