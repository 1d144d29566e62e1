"""The built-in account store, for tests that need more of it than its port."""

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.parts import Parts


def builtin_accounts(parts: Parts) -> BuiltinAccounts:
    assert isinstance(parts.accounts, BuiltinAccounts)
    return parts.accounts
