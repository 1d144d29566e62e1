"""The built-in store, of which tests know more than the port says."""

from keyturn.accounts.builtin import BuiltinAccounts
from keyturn.parts import Parts


def builtin_accounts(parts: Parts) -> BuiltinAccounts:
    assert isinstance(parts.accounts, BuiltinAccounts)
    return parts.accounts
