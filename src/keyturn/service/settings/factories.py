"""Calls the factories that settings name as "package.module:factory"."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.service.settings import Settings

FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""How settings name a factory: "package.module:factory"."""

_Product = TypeVar("_Product")


def product_of(reference: str, settings: Settings, kind: type[_Product], setting: str) -> _Product:
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
        message = f"{returned}, which does not inherit from {kind.__name__}"
        raise SettingsInvalid.of(setting, message)
    return product


def import_factory(reference: str, setting: str) -> Callable[..., Any]:
    """Import the factory, and return it without calling it.

    Raises SettingsInvalid, with a sentence, if that fails.
    """
    module_name, _, name = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as uvicorn does for its app
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else ""
        if missing and f"{module_name}.".startswith(f"{missing}."):
            message = f"the module {missing} is neither in {here} nor installed"
            raise SettingsInvalid.of(setting, message) from None
        message = f"importing {module_name} raised {_error_line(error)}"
        raise SettingsInvalid.of(setting, message) from error
    if not hasattr(module, name):
        raise SettingsInvalid.of(setting, f"{module_name} has no {name}")
    factory: Any = getattr(module, name)
    if not callable(factory):
        message = f"{reference} must be a function, not {type(factory).__name__}"
        raise SettingsInvalid.of(setting, message)
    return cast(Callable[..., Any], factory)


def _error_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]
