"""Every mail provider, found by its module.

All lists of providers, in docs too, are derived from `PROVIDERS`.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from keyturn.mail.port.provider import Provider


def _providers() -> Mapping[str, type[Provider]]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    providers = [one for one in classes if issubclass(one, Provider) and hasattr(one, "name")]
    return {
        provider.name: provider
        for provider in sorted(providers, key=lambda one: (one.place, one.name))
    }


PROVIDERS = _providers()
