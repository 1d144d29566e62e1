"""Every mail provider, found by its module.

All lists of providers, in docs too, are derived from `PROVIDERS`.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from keyturn.mail.port.provider import Provider


def _providers() -> Mapping[str, type[Provider]]:
    """Return the providers by their names, in the order in which lists show them."""
    found: set[type[Provider]] = set()
    for module in iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{module.name}")).values():
            # A module also imports bases of providers, which have no name.
            if isinstance(value, type) and issubclass(value, Provider) and hasattr(value, "name"):
                found.add(value)
    in_order = sorted(found, key=lambda provider: (provider.place, provider.name))
    return {provider.name: provider for provider in in_order}


PROVIDERS = _providers()
