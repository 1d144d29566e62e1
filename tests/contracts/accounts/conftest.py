import pytest

from keyturn.service.accounts.builtin import BuiltinAccounts
from keyturn.service.database import Database


@pytest.fixture
def accounts(database: Database) -> BuiltinAccounts:
    return BuiltinAccounts(database)
