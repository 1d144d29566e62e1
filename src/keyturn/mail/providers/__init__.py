"""Every mail provider, found by its module. All lists of providers, in docs too, are derived from `PROVIDERS`."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from keyturn.mail.port.provider import Provider


def _providers() -> Mapping[str, Provider[Any]]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    providers: list[Provider[Any]] = [module.PROVIDER for module in modules]
    return {provider.name: provider for provider in sorted(providers, key=lambda one: (one.place, one.name))}


PROVIDERS = _providers()
