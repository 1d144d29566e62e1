"""The built-in account store, for tests that need more of it than its port."""

from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.container import Container


def builtin_accounts(container: Container) -> BuiltinAccounts:
    assert isinstance(container.accounts, BuiltinAccounts)
    return container.accounts
