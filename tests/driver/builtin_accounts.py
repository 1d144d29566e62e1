"""The built-in account store, for tests that need more of it than its port."""

from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.parts import Parts


def builtin_accounts(parts: Parts) -> BuiltinAccounts:
    assert isinstance(parts.accounts, BuiltinAccounts)
    return parts.accounts
